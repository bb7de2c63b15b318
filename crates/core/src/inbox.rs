//! What a user has read of their inbox.
//!
//! The messages of an inbox are the publications of the user's personal channel. Which of them are
//! acknowledged is a [note](crate::note) beside it: all up to a floor, and some above it. All that is
//! known of the stream meanwhile is its top and the oldest publication it keeps; what was trimmed
//! before it was acknowledged counts as dropped.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::history::Ancestor;
use crate::limits::INBOX_SCATTERED;
use crate::position::{Epoch, Position};

/// What is acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// Of which stream this is true.
    epoch: Epoch,
    /// Everything up to it is acknowledged, or dropped.
    floor: u64,
    /// Acknowledged above the floor.
    scattered: BTreeSet<u64>,
    /// Dropped before they were acknowledged, in all streams there were.
    dropped: u64,
    /// The newest publication there is.
    top: u64,
}

/// What is to be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Everything there is.
    All,
    /// Everything up to a message.
    UpTo(u64),
    /// Some messages.
    Each(Vec<u64>),
}

/// Why nothing was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// A message that was never sent.
    #[error("there is no such message")]
    NeverSent,
    /// Messages are acknowledged in so many places that it cannot be remembered.
    #[error("too many messages are acknowledged out of order: acknowledge up to one of them")]
    TooScattered,
}

impl Inbox {
    /// Reads what [`Inbox::to_bytes`] wrote; nothing is acknowledged in what cannot be read.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(bytes).ok()?.split(' ');
        let epoch = Epoch::new(words.next()?);
        let mut number = || words.next()?.parse().ok();
        let (floor, dropped) = (number()?, number()?);
        let scattered =
            words.take(INBOX_SCATTERED).map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { epoch, floor, scattered, dropped, top: 0 })
    }

    /// The text of a note: `EPOCH FLOOR DROPPED {' ' OFFSET}`.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut text = format!("{} {} {}", self.epoch.as_str(), self.floor, self.dropped);
        for offset in &self.scattered {
            text.push(' ');
            text.push_str(&offset.to_string());
        }
        text.into()
    }

    /// Takes in what the stream is by now: where its top is, the oldest publication it keeps, if any,
    /// and the histories it has come from. Where it goes on under another name, what it shares with the
    /// former one stays acknowledged; where it is another stream, nothing of it is.
    pub fn look(&mut self, top: &Position, oldest: Option<u64>, ancestors: &[Ancestor]) {
        if top.epoch != self.epoch {
            let parted = ancestors.iter().find(|ancestor| ancestor.epoch == self.epoch);
            // What came behind the parting has the numbers of other messages.
            let shared = parted.map_or(0, |ancestor| ancestor.shared);
            self.floor = self.floor.min(shared);
            self.scattered.retain(|offset| *offset <= shared);
            self.epoch = top.epoch.clone();
        }
        self.top = top.offset;
        let kept_from = oldest.unwrap_or(top.offset + 1);
        if kept_from > self.floor + 1 {
            let gone = kept_from - 1 - self.floor;
            let rest = self.scattered.split_off(&kept_from);
            let acknowledged = std::mem::replace(&mut self.scattered, rest).len() as u64;
            self.dropped += gone.saturating_sub(acknowledged);
            self.floor = kept_from - 1;
        }
        self.close_up();
    }

    /// Acknowledges. Doing it again changes nothing.
    ///
    /// # Errors
    /// Nothing was acknowledged then.
    pub fn acknowledge(&mut self, ack: &Ack) -> Result<(), AckError> {
        match ack {
            Ack::All => self.floor = self.top,
            Ack::UpTo(offset) if *offset == 0 || *offset > self.top => {
                return Err(AckError::NeverSent);
            }
            Ack::UpTo(offset) => self.floor = self.floor.max(*offset),
            Ack::Each(offsets) => {
                if offsets.iter().any(|offset| *offset == 0 || *offset > self.top) {
                    return Err(AckError::NeverSent);
                }
                let mut scattered = self.scattered.clone();
                scattered.extend(offsets.iter().filter(|offset| **offset > self.floor));
                let mut next = Self { scattered, ..self.clone() };
                next.close_up();
                if next.scattered.len() > INBOX_SCATTERED {
                    return Err(AckError::TooScattered);
                }
                *self = next;
            }
        }
        self.close_up();
        Ok(())
    }

    /// The floor rises through what is acknowledged right above it.
    fn close_up(&mut self) {
        self.scattered = self.scattered.split_off(&(self.floor + 1));
        while self.scattered.remove(&(self.floor + 1)) {
            self.floor += 1;
        }
    }

    /// Whether a message is unread.
    #[must_use]
    pub fn is_unread(&self, offset: u64) -> bool {
        offset > self.floor && !self.scattered.contains(&offset)
    }

    /// The first offset behind this one at which a message is unread, or will be.
    #[must_use]
    pub fn next_unread(&self, after: u64) -> u64 {
        let first = after.max(self.floor).saturating_add(1);
        // Of those that are acknowledged, a run that begins there.
        let run = self.scattered.range(first..).zip(first..).take_while(|(at, next)| *at == next);
        first.saturating_add(run.count() as u64)
    }

    /// How many messages are unread.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.top.saturating_sub(self.floor).saturating_sub(self.scattered.len() as u64)
    }

    /// How many messages were dropped unread, ever.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The offset of the newest message there is, read or not.
    #[must_use]
    pub fn top(&self) -> u64 {
        self.top
    }

    /// The place behind which there are unread messages, if there are any.
    #[must_use]
    pub fn read_up_to(&self) -> Position {
        Position::new(self.epoch.clone(), self.floor)
    }

    /// What clients are told, as a JSON object: `{"msg_type":"inbox.state","unread":…,"floor":…,
    /// "acked":[…],"dropped":…,"top":…,"epoch":…}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let scattered: Vec<String> = self.scattered.iter().map(u64::to_string).collect();
        format!(
            "{{\"msg_type\":\"inbox.state\",\"unread\":{},\"floor\":{},\"acked\":[{}],\
             \"dropped\":{},\"top\":{},\"epoch\":\"{}\"}}",
            self.unread(),
            self.floor,
            scattered.join(","),
            self.dropped,
            self.top,
            // Letters and digits, whoever names a stream.
            self.epoch.as_str().replace(['"', '\\'], ""),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn top(offset: u64) -> Position {
        Position::new(Epoch::new("e"), offset)
    }

    fn of(top_at: u64) -> Inbox {
        let mut inbox = Inbox::default();
        inbox.look(&top(top_at), Some(1), &[]);
        inbox
    }

    #[test]
    fn what_is_acknowledged_is_not_unread() {
        let mut inbox = of(5);
        assert_eq!(inbox.unread(), 5);
        inbox.acknowledge(&Ack::Each(vec![2, 4])).unwrap();
        assert_eq!((inbox.unread(), inbox.floor), (3, 0));
        inbox.acknowledge(&Ack::Each(vec![1])).unwrap();
        assert_eq!((inbox.unread(), inbox.floor), (2, 2));
        inbox.acknowledge(&Ack::UpTo(3)).unwrap();
        assert_eq!((inbox.unread(), inbox.floor), (1, 4));
        inbox.acknowledge(&Ack::UpTo(1)).unwrap();
        assert_eq!(inbox.floor, 4, "it never falls");
        inbox.acknowledge(&Ack::All).unwrap();
        assert_eq!((inbox.unread(), inbox.floor), (0, 5));
    }

    #[test]
    fn what_was_never_sent_cannot_be_acknowledged() {
        let mut inbox = of(3);
        assert_eq!(inbox.acknowledge(&Ack::UpTo(4)), Err(AckError::NeverSent));
        assert_eq!(inbox.acknowledge(&Ack::UpTo(0)), Err(AckError::NeverSent));
        assert_eq!(inbox.acknowledge(&Ack::Each(vec![1, 4])), Err(AckError::NeverSent));
        assert_eq!(inbox.acknowledge(&Ack::Each(vec![0])), Err(AckError::NeverSent));
        assert_eq!(inbox, of(3));
    }

    #[test]
    fn what_is_trimmed_unread_is_dropped() {
        let mut inbox = of(6);
        inbox.acknowledge(&Ack::Each(vec![1, 3])).unwrap();
        inbox.look(&top(8), Some(5), &[]);
        assert_eq!((inbox.dropped, inbox.floor, inbox.unread()), (2, 4, 4));
        inbox.look(&top(8), None, &[]);
        assert_eq!((inbox.dropped, inbox.floor, inbox.unread()), (6, 8, 0));
    }

    #[test]
    fn another_stream_begins_unread() {
        let mut inbox = of(6);
        inbox.acknowledge(&Ack::All).unwrap();
        inbox.look(&Position::new(Epoch::new("f"), 2), Some(1), &[]);
        assert_eq!((inbox.unread(), inbox.floor), (2, 0));
        let stranger = Ancestor { epoch: Epoch::new("e"), shared: 6 };
        inbox.look(&Position::new(Epoch::new("g"), 2), Some(1), &[stranger]);
        assert_eq!((inbox.unread(), inbox.floor), (2, 0), "it has not come from `f`");
    }

    #[test]
    fn a_stream_that_goes_on_under_another_name_is_read_as_far_as_it_was() {
        let mut inbox = of(1_000);
        inbox.look(&top(1_000), Some(901), &[]);
        inbox.acknowledge(&Ack::All).unwrap();
        let dropped = inbox.dropped;
        let past = [Ancestor { epoch: Epoch::new("e"), shared: 1_000 }];
        inbox.look(&Position::new(Epoch::new("e~1"), 1_001), Some(902), &past);
        assert_eq!((inbox.unread(), inbox.floor, inbox.dropped), (1, 1_000, dropped));
        assert_eq!(inbox.read_up_to().epoch, Epoch::new("e~1"));
    }

    #[test]
    fn what_came_behind_the_parting_is_unread() {
        let mut inbox = of(9);
        inbox.acknowledge(&Ack::UpTo(3)).unwrap();
        inbox.acknowledge(&Ack::Each(vec![5, 8])).unwrap();
        let past = [Ancestor { epoch: Epoch::new("e"), shared: 6 }];
        let renamed = Position::new(Epoch::new("e~1"), 9);
        inbox.look(&renamed, Some(1), &past);
        assert_eq!((inbox.unread(), inbox.floor), (5, 3));
        assert!(!inbox.is_unread(5) && inbox.is_unread(8));
        inbox.acknowledge(&Ack::All).unwrap();
        let past = [past[0].clone(), Ancestor { epoch: Epoch::new("e~1"), shared: 7 }];
        inbox.look(&Position::new(Epoch::new("e~2"), 8), Some(1), &past);
        assert_eq!((inbox.unread(), inbox.floor), (1, 7));
    }

    #[test]
    fn it_says_what_it_is() {
        let mut inbox = of(4);
        inbox.acknowledge(&Ack::Each(vec![1, 3])).unwrap();
        let json = "{\"msg_type\":\"inbox.state\",\"unread\":2,\"floor\":1,\"acked\":[3],\
                    \"dropped\":0,\"top\":4,\"epoch\":\"e\"}";
        assert_eq!(inbox.to_json(), json);
    }

    #[test]
    fn too_many_places_are_refused() {
        let mut inbox = of(3 * INBOX_SCATTERED as u64);
        let odd = |count: usize| (0..count as u64).map(|n| 2 * n + 2).collect();
        inbox.acknowledge(&Ack::Each(odd(INBOX_SCATTERED))).unwrap();
        let error = inbox.acknowledge(&Ack::Each(odd(INBOX_SCATTERED + 1)));
        assert_eq!(error, Err(AckError::TooScattered));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Publish,
        Trim(u64),
        Ack(Ack),
        /// The stream goes on under another name, without so many of its last messages.
        Rename(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Publish),
            1 => (1..4u64).prop_map(Step::Trim),
            2 => (0..40u64).prop_map(|offset| Step::Ack(Ack::UpTo(offset))),
            3 => prop::collection::vec(0..40u64, 1..4).prop_map(|some| Step::Ack(Ack::Each(some))),
            1 => Just(Step::Ack(Ack::All)),
            1 => (0..4u64).prop_map(Step::Rename),
        ]
    }

    proptest! {
        /// Whatever happens it knows what a list of all messages would, and so does what is read
        /// back from its note.
        #[test]
        fn it_agrees_with_a_list(steps in prop::collection::vec(step(), 0..60)) {
            let mut inbox = Inbox::default();
            let mut unread: BTreeSet<u64> = BTreeSet::new();
            let (mut last, mut first, mut dropped) = (0, 1, 0);
            let (mut name, mut past) = (Epoch::new("e"), Vec::new());
            for step in steps {
                let top = Position::new(name.clone(), last);
                inbox.look(&top, (first <= last).then_some(first), &past);
                match step {
                    Step::Publish => {
                        last += 1;
                        unread.insert(last);
                    }
                    Step::Rename(lost) => {
                        // What was trimmed is gone either way. A message makes the name known.
                        let shared = last.saturating_sub(lost).max(first - 1);
                        past.push(Ancestor { epoch: name, shared });
                        name = Epoch::new(&format!("e~{}", past.len()));
                        last = shared + 1;
                        unread.split_off(&last);
                        unread.insert(last);
                    }
                    Step::Trim(some) => {
                        first = (first + some).min(last + 1);
                        let rest = unread.split_off(&first);
                        dropped += std::mem::replace(&mut unread, rest).len() as u64;
                    }
                    Step::Ack(ack) => {
                        let named: Vec<u64> = match &ack {
                            Ack::All => unread.iter().copied().collect(),
                            Ack::UpTo(offset) => unread.range(..=offset).copied().collect(),
                            Ack::Each(offsets) => offsets.clone(),
                        };
                        let sent = match &ack {
                            Ack::All => true,
                            Ack::UpTo(offset) => (1..=last).contains(offset),
                            Ack::Each(offsets) => offsets.iter().all(|o| (1..=last).contains(o)),
                        };
                        prop_assert_eq!(inbox.acknowledge(&ack).is_ok(), sent);
                        if sent {
                            unread.retain(|offset| !named.contains(offset));
                        }
                    }
                }
                inbox = Inbox::from_bytes(&inbox.to_bytes());
                let top = Position::new(name.clone(), last);
                inbox.look(&top, (first <= last).then_some(first), &past);
                prop_assert_eq!(inbox.unread(), unread.len() as u64);
                prop_assert_eq!(inbox.dropped, dropped);
                for offset in 1..=last {
                    prop_assert_eq!(inbox.is_unread(offset), unread.contains(&offset));
                    let next = unread.range(offset + 1..).next().copied().unwrap_or(last + 1);
                    prop_assert_eq!(inbox.next_unread(offset), next);
                }
            }
        }
    }
}
