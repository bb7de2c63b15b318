//! What is delivered together.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trunkline_core::position::Position;
use trunkline_core::publication::Publication;
use trunkline_core::route::{Gone, Stretch};
use trunkline_core::time::WallTime;

use crate::event::{Event, Kind, What};
use crate::wish::Wish;

/// Events one delivery carries at most.
const EVENTS: usize = 500;

/// Bytes of them at most, unless one publication has more: receivers bound what they read.
const BYTES: usize = 256 * 1024;

/// The tag of events that are for one receiver only, as they are delivered once more.
pub(crate) const TO_TAG: &str = "to";

/// The tag that says how often they were tried before.
pub(crate) const ATTEMPTS_TAG: &str = "attempts";

/// Events that are delivered together.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Up to where the outbox is delivered then.
    pub(crate) up_to: Position,
    /// The events as they were written, in order; none if the receiver wants none of them.
    pub(crate) events: Vec<Box<RawValue>>,
    /// How often they were tried before they were put into the outbox again.
    pub(crate) attempts: u32,
}

/// What a receiver gets.
#[derive(Serialize)]
struct Body<'a> {
    events: &'a [Box<RawValue>],
}

#[derive(Deserialize)]
struct Kinded {
    event: Kind,
    channel: Option<String>,
}

impl Batch {
    /// The beginning of a stretch of the outbox, for a receiver; up to the offset `until`, or as far
    /// as is delivered together. From the same stretch comes the same batch.
    pub(crate) fn cut(receiver: &str, wish: &Wish, stretch: Stretch, until: Option<u64>) -> Self {
        let Stretch { publications, up_to, gone, .. } = stretch;
        // Of what is left, so that it is the same at every attempt.
        let when = publications.first().map_or(WallTime(0), |first| first.time);
        let mut batch = Self { up_to, events: Vec::new(), attempts: 0 };
        if let Some(gone) = gone {
            let first = publications.first().map_or(batch.up_to.offset, |first| first.offset);
            let id = format!("{receiver}-{}-{first}-lost", batch.up_to.epoch.as_str());
            batch.events.extend(lost(id, gone, when));
        }
        let mut bytes = 0;
        for publication in &publications {
            let again = Again::of(publication);
            let wanted = match &again {
                Some(again) if again.to != receiver => Vec::new(),
                _ => wanted(publication, wish),
            };
            let length: usize = wanted.iter().map(|event| event.get().len()).sum();
            let too_much = batch.events.len() + wanted.len() > EVENTS || bytes + length > BYTES;
            // What is delivered once more stands alone: it is marked.
            let apart = again.is_some() || batch.attempts > 0;
            let ends = match until {
                Some(until) => publication.offset > until,
                None => !wanted.is_empty() && !batch.events.is_empty() && (too_much || apart),
            };
            if ends {
                batch.up_to.offset = publication.offset - 1;
                return batch;
            }
            if !wanted.is_empty() {
                batch.attempts = again.map_or(0, |again| again.attempts);
            }
            batch.events.extend(wanted);
            bytes += length;
        }
        batch
    }

    /// What names it, the same at every attempt: no two batches of a receiver end at the same place.
    pub(crate) fn id(&self, receiver: &str) -> String {
        format!("{receiver}-{}-{}", self.up_to.epoch.as_str(), self.up_to.offset)
    }

    /// The body of its request.
    pub(crate) fn body(&self) -> Bytes {
        crate::outbox::json(&Body { events: &self.events }).unwrap_or_default()
    }
}

/// For whom events are delivered once more.
struct Again<'a> {
    to: &'a str,
    attempts: u32,
}

impl<'a> Again<'a> {
    fn of(publication: &'a Publication) -> Option<Self> {
        let tag = |name: &str| {
            let found = publication.tags.iter().find(|(key, _)| **key == *name);
            found.map(|(_, value)| &**value)
        };
        let to = tag(TO_TAG)?;
        Some(Self { to, attempts: tag(ATTEMPTS_TAG).and_then(|n| n.parse().ok()).unwrap_or(1) })
    }
}

/// The events of a publication that are wanted. What nobody of ours has written has none.
fn wanted(publication: &Publication, wish: &Wish) -> Vec<Box<RawValue>> {
    let events: Vec<Box<RawValue>> = serde_json::from_slice(&publication.data).unwrap_or_default();
    let is_wanted = |event: &RawValue| {
        let kinded = serde_json::from_str::<Kinded>(event.get());
        kinded.is_ok_and(|Kinded { event, channel }| wish.is_for(event, channel.as_deref()))
    };
    events.into_iter().filter(|event| is_wanted(event)).collect()
}

/// Tells a receiver that some are missing.
fn lost(id: String, gone: Gone, when: WallTime) -> Option<Box<RawValue>> {
    let reason = match gone.reason {
        trunkline_core::gap::GapReason::Trimmed => "trimmed",
        _ => "stream_changed",
    };
    let what = What::EventsLost { count: gone.publications, reason: reason.into() };
    let event = Event { id, time: when.0, node: String::new(), what };
    serde_json::value::to_raw_value(&event).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trunkline_core::gap::GapReason;
    use trunkline_core::position::{Epoch, Tag};
    use trunkline_core::publication::Tags;

    use super::*;

    fn publication(offset: u64, events: usize, tags: Tags) -> Arc<Publication> {
        let event = |n| {
            let what = match n % 2 {
                0 => What::ChannelOccupied { channel: "c".into() },
                _ => What::ChannelVacated { channel: "c".into() },
            };
            Event { id: format!("{offset}.{n}"), time: 0, node: String::new(), what }
        };
        let events: Vec<Event> = (0..events).map(event).collect();
        Arc::new(Publication {
            epoch: Epoch::new("e"),
            offset,
            tag: Tag::START,
            before: None,
            data: crate::outbox::json(&events).unwrap(),
            info: None,
            tags,
            time: WallTime(0),
        })
    }

    fn wish(events: &[Kind]) -> Wish {
        Wish { events: events.to_vec(), channels: Vec::new() }
    }

    fn all() -> Wish {
        wish(&[Kind::ChannelOccupied, Kind::ChannelVacated])
    }

    fn again(to: &str) -> Tags {
        vec![(TO_TAG.into(), to.into()), (ATTEMPTS_TAG.into(), "3".into())]
    }

    fn cut(publications: Vec<Arc<Publication>>, until: Option<u64>) -> (u64, usize, u32, String) {
        let last = publications.last().map_or(0, |last| last.offset);
        let up_to = Position::new(Epoch::new("e"), last);
        let stretch = Stretch { publications, up_to, more: false, gone: None };
        let batch = Batch::cut("r", &all(), stretch, until);
        (batch.up_to.offset, batch.events.len(), batch.attempts, batch.id("r"))
    }

    #[test]
    fn a_batch_has_its_bounds() {
        let many = |n: u64| (1..=n).map(|at| publication(at, 100, Vec::new())).collect::<Vec<_>>();
        assert_eq!(cut(many(3), None), (3, 300, 0, "r-e-3".into()));
        assert_eq!(cut(many(9), None), (5, 500, 0, "r-e-5".into()));
        assert_eq!(cut(many(9), Some(2)), (2, 200, 0, "r-e-2".into()));
        assert_eq!(cut(vec![publication(7, 2_000, Vec::new())], None).1, 2_000);
    }

    #[test]
    fn what_is_delivered_once_more_stands_alone_and_is_for_one() {
        let some = |tags: &[Option<&str>]| {
            let tags = tags.iter().map(|to| to.map_or_else(Vec::new, again));
            (1..).zip(tags).map(|(at, tags)| publication(at, 2, tags)).collect::<Vec<_>>()
        };
        assert_eq!(cut(some(&[None, Some("r"), None]), None), (1, 2, 0, "r-e-1".into()));
        assert_eq!(cut(some(&[Some("r"), None]), None), (1, 2, 3, "r-e-1".into()));
        assert_eq!(cut(some(&[Some("r"), Some("r")]), None), (1, 2, 3, "r-e-1".into()));
        assert_eq!(cut(some(&[Some("x"), None, Some("x")]), None), (3, 2, 0, "r-e-3".into()));
    }

    #[test]
    fn no_two_batches_have_one_name() {
        let gone = Some(Gone { reason: GapReason::Trimmed, publications: 4 });
        let cut = |gone| {
            let up_to = Position::new(Epoch::new("e"), 5);
            let publications = vec![publication(5, 1, again("r"))];
            let stretch = Stretch { publications, up_to, more: false, gone };
            Batch::cut("r", &all(), stretch, None)
        };
        let (first, second) = (cut(gone), cut(None));
        assert_eq!((first.events.len(), second.events.len()), (1, 1));
        assert_ne!(first.id("r"), second.id("r"));
        assert_eq!(first.body(), cut(gone).body(), "whenever it is made");
    }

    #[test]
    fn only_what_is_wanted_is_in_it_and_what_is_gone() {
        let gone = Some(Gone { reason: GapReason::Trimmed, publications: 4 });
        let up_to = Position::new(Epoch::new("e"), 5);
        let publications = vec![publication(5, 4, Vec::new())];
        let stretch = Stretch { publications, up_to, more: false, gone };
        let batch = Batch::cut("r", &wish(&[Kind::ChannelVacated]), stretch, None);
        let body = String::from_utf8(batch.body().to_vec()).unwrap();
        assert_eq!(batch.events.len(), 3, "{body}");
        assert!(body.contains("\"event\":\"events_lost\",\"count\":4,\"reason\":\"trimmed\""));
        assert!(body.starts_with("{\"events\":[{\"id\":\"r-e-5-lost\""), "{body}");
        assert!(!body.contains("occupied"));
    }
}
