//! Clients that come back at the place where they left, and whether each of them is given exactly
//! what it has missed.
//!
//! Everything is read. All clients of a channel left at the same place, so they are owed the same
//! text: the first is taken apart, the others are compared with it, which costs the generator little.

use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::instrument::command;
use crate::instrument::histogram::Histogram;
use crate::instrument::load::{Load, Speech};

/// What is being played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// They are there for the first time, and learn where the streams are.
    There,
    /// They have been away for so many publications, and come back.
    Back { missed: u32 },
    /// They are there again, and one more is published.
    Live,
}

/// One channel.
#[derive(Debug, Clone, Default)]
struct Channel {
    /// Where its stream was when they left: epoch and offset.
    place: Option<(String, u64)>,
    /// A text of this act that was as it should be.
    right: Vec<u8>,
}

/// Clients that come back. Publication `n` of a channel is [`command::numbered`] `n`.
#[derive(Debug)]
pub(crate) struct Returning {
    channels: Vec<Channel>,
    /// Bytes of data in a publication.
    size: usize,
    act: Act,
    begun: Instant,
    /// Clients that have had what they were to have in this act.
    done: u32,
    lost: u64,
    /// The first text that was not as it should be.
    wrong: Option<String>,
    /// Nanoseconds from the beginning of the act until a client had it.
    latencies: Histogram,
}

impl Returning {
    /// Clients that are there for the first time.
    pub(crate) fn new(channels: u32, size: usize) -> Self {
        Self {
            channels: vec![Channel::default(); channels as usize],
            size,
            act: Act::There,
            begun: Instant::now(),
            done: 0,
            lost: 0,
            wrong: None,
            latencies: Histogram::default(),
        }
    }

    /// Where each channel was when they left; `None` if one of them did not say.
    pub(crate) fn places(&self) -> Option<Vec<(String, u64)>> {
        self.channels.iter().map(|channel| channel.place.clone()).collect()
    }

    /// From now on they come back, having missed so many publications.
    pub(crate) fn come_back(&mut self, missed: u32) {
        self.begin(Act::Back { missed });
    }

    /// From now on they receive one publication more.
    pub(crate) fn go_on(&mut self) {
        for (_, offset) in self.channels.iter_mut().filter_map(|channel| channel.place.as_mut()) {
            if let Act::Back { missed } = self.act {
                *offset += u64::from(missed);
            }
        }
        self.begin(Act::Live);
    }

    fn begin(&mut self, act: Act) {
        self.act = act;
        self.begun = Instant::now();
        self.done = 0;
        self.latencies = Histogram::default();
        self.channels.iter_mut().for_each(|channel| channel.right.clear());
    }

    /// Clients that have had what they were to have in this act.
    pub(crate) fn done(&self) -> u32 {
        self.done
    }

    /// Publications that were missing, surplus or wrong, in all acts.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// The first text that was not as it should be.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// Nanoseconds from the beginning of this act until a client had what it was to have.
    pub(crate) fn latencies(&self) -> &Histogram {
        &self.latencies
    }

    /// Publications that a client misses which is given nothing in this act.
    pub(crate) fn owed(&self) -> u64 {
        match self.act {
            Act::There => 0,
            Act::Back { missed } => missed.into(),
            Act::Live => 1,
        }
    }

    /// How many publications are missing in a text, surplus or wrong.
    fn lacks(&self, place: Option<&(String, u64)>, text: &[u8]) -> u64 {
        let Some((epoch, offset)) = place else { return self.owed() };
        let heard = match (self.act, serde_json::from_slice(text)) {
            (Act::Back { .. }, Ok(Text { subscribe: Some(told), .. }))
                if told.recovered && told.epoch == epoch =>
            {
                told.publications
            }
            (Act::Live, Ok(Text { push: Some(push), .. })) => vec![push.publication],
            _ => return self.owed(),
        };
        let expected = offset + 1..=offset + self.owed();
        let right = expected.zip(&heard).take_while(|(offset, publication)| {
            publication.offset == *offset
                && publication.data.get() == command::numbered(*offset, self.size)
        });
        let right = right.count() as u64;
        (self.owed() - right).max(heard.len() as u64 - right)
    }
}

impl Load for Returning {
    const ATTENTIVE: bool = true;

    fn delivered(&mut self, _: u16, _: u32, _: &mut Vec<Speech>) {}

    fn heard(&mut self, channel: u16, text: &[u8]) {
        let opening: &[u8] =
            if self.act == Act::Live { br#"{"push""# } else { br#"{"id":2,"subscribe""# };
        if !text.starts_with(opening) {
            return;
        }
        self.done += 1;
        self.latencies.record(self.begun.elapsed().as_nanos() as u64);
        let known = &self.channels[usize::from(channel)];
        if self.act == Act::There {
            if known.place.is_none() {
                self.channels[usize::from(channel)].place = place(text);
            }
        } else if known.right != text {
            let lacks = self.lacks(known.place.as_ref(), text);
            self.lost += lacks;
            if lacks == 0 {
                self.channels[usize::from(channel)].right = text.to_vec();
            } else if self.wrong.is_none() {
                self.wrong = Some(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
}

/// A reply to `subscribe`, or a push, as far as it matters here.
#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    subscribe: Option<Subscribed<'a>>,
    #[serde(borrow, default)]
    push: Option<Push<'a>>,
}

#[derive(Deserialize)]
struct Subscribed<'a> {
    #[serde(default)]
    epoch: &'a str,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    recovered: bool,
    #[serde(borrow, default)]
    publications: Vec<Heard<'a>>,
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow, rename = "pub")]
    publication: Heard<'a>,
}

#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    offset: u64,
}

/// Where a stream is, by the reply to `subscribe`.
fn place(text: &[u8]) -> Option<(String, u64)> {
    let told = serde_json::from_slice::<Text<'_>>(text).ok()?.subscribe?;
    (!told.epoch.is_empty()).then(|| (told.epoch.to_owned(), told.offset))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const SIZE: usize = 64;

    /// The reply to a client that comes back, with these publications.
    pub(crate) fn reply(epoch: &str, offsets: &[u64], size: usize) -> String {
        let publication = |offset: &u64| {
            format!(r#"{{"data":{},"offset":{offset}}}"#, command::numbered(*offset, size))
        };
        let publications: Vec<String> = offsets.iter().map(publication).collect();
        let top = offsets.last().copied().unwrap_or(3);
        format!(
            r#"{{"id":2,"subscribe":{{"recoverable":true,"epoch":"{epoch}","publications":[{}],"recovered":true,"offset":{top},"positioned":true}}}}"#,
            publications.join(",")
        )
    }

    fn away() -> Returning {
        let mut load = Returning::new(1, SIZE);
        load.heard(0, br#"{"id":1,"connect":{}}"#);
        load.heard(0, br#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","offset":3}}"#);
        assert_eq!(load.places(), Some(vec![("e".to_owned(), 3)]));
        load.come_back(2);
        load
    }

    #[test]
    fn who_is_given_all_of_it_in_order_has_lost_nothing() {
        let mut load = away();
        for _ in 0..3 {
            load.heard(0, reply("e", &[4, 5], SIZE).as_bytes());
        }
        assert_eq!((load.done(), load.lost(), load.latencies().count()), (3, 0, 3));
        load.go_on();
        let live = format!(
            r#"{{"push":{{"channel":"bench:0000","pub":{{"data":{},"offset":6}}}}}}"#,
            command::numbered(6, SIZE)
        );
        load.heard(0, live.as_bytes());
        assert_eq!((load.done(), load.lost()), (1, 0));
        load.heard(0, live.replace(r#""offset":6"#, r#""offset":7"#).as_bytes());
        assert_eq!((load.done(), load.lost()), (2, 1));
    }

    #[test]
    fn anything_else_is_counted() {
        let good = reply("e", &[4, 5], SIZE);
        for (text, lost) in [
            (reply("e", &[4], SIZE), 1),
            (reply("e", &[5], SIZE), 2),
            (reply("e", &[5, 4], SIZE), 2),
            (reply("e", &[4, 5, 6], SIZE), 1),
            (reply("e", &[4, 4, 5], SIZE), 2),
            (reply("f", &[4, 5], SIZE), 2),
            (good.replace(r#""recovered":true"#, r#""recovered":false"#), 2),
            (good.replace(r#""00000005""#, r#""00000006""#), 1),
            (r#"{"id":2,"subscribe":{}}"#.to_owned(), 2),
        ] {
            let mut load = away();
            load.heard(0, good.as_bytes());
            load.heard(0, text.as_bytes());
            assert_eq!(load.lost(), lost, "{text}");
            assert_eq!(load.wrong(), Some(text.as_str()));
        }
    }
}
