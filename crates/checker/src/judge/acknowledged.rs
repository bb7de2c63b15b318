//! What publishers were promised in one channel.

use std::collections::{HashMap, HashSet};

use super::account::{Message, Stream, bare};
use super::{Kind, Verdict, Violation};
use crate::event::{Kept, Place, Rules};

/// The messages a channel's publishers had acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    messages: Vec<(String, Option<Place>)>,
    /// How many of them a history has been read behind.
    settled: usize,
    /// How many of them, from the first, the broker may have rolled back.
    forgivable: usize,
    /// How many of these were absent when the stream was read last.
    pub(super) forgiven: u64,
    /// The latest place of each publisher.
    latest: HashMap<String, Place>,
}

impl Acknowledged {
    /// A message was acknowledged, perhaps at a place.
    pub(super) fn add(&mut self, id: &str, place: Option<&Place>) {
        self.messages.push((id.to_owned(), place.cloned()));
    }

    /// A publisher that waits for each answer sees its messages in the order of its calls.
    pub(super) fn in_order(
        &mut self,
        publisher: &str,
        channel: &str,
        message: Message<'_>,
        verdict: &mut Verdict,
    ) {
        let Message { id, at } = message;
        let earlier = self.latest.insert(publisher.to_owned(), at.clone());
        let Some(earlier) = earlier.filter(|earlier| earlier.epoch == at.epoch) else { return };
        if at.offset <= earlier.offset {
            let offsets = (at.offset, earlier.offset);
            verdict.add(Violation {
                who: Some(publisher.to_owned()),
                ids: vec![id.to_owned()],
                ..bare(Kind::AcknowledgedBackwards, channel, &at.epoch, offsets)
            });
        }
    }

    /// The broker went on from an earlier state: all that was acknowledged so far may be gone.
    pub(super) fn forgive(&mut self) {
        self.forgivable = self.messages.len();
    }

    /// Whether something was acknowledged that no history has been read behind.
    pub(super) fn is_unsettled(&self) -> bool {
        self.settled < self.messages.len()
    }

    /// The stream was read: whatever it keeps, it keeps all that was acknowledged.
    pub(super) fn settle(
        &mut self,
        channel: &str,
        stream: Option<&Stream>,
        publications: &[Kept],
        rules: &Rules,
        verdict: &mut Verdict,
    ) {
        self.settled = self.messages.len();
        self.forgiven = 0;
        let Some(Stream { top, first, .. }) = stream else { return };
        let held: HashSet<(u64, &str)> = publications.iter().map(|p| (p.offset, &*p.id)).collect();
        let ids: HashSet<&str> = publications.iter().map(|p| &*p.id).collect();
        for (nth, (id, place)) in self.messages.iter().enumerate() {
            let lost = match place {
                Some(place) if place.offset < *first => false,
                Some(place) if place.epoch != top.epoch && rules.rollback => false,
                Some(place) => !held.contains(&(place.offset, id)),
                // Where something was trimmed, nobody can say whether this was.
                None => *first == 1 && !rules.rollback && !ids.contains(&**id),
            };
            if lost && nth < self.forgivable {
                self.forgiven += 1;
            } else if lost {
                let offset = place.as_ref().map_or(0, |place| place.offset);
                let epoch = place.as_ref().map_or("", |place| &place.epoch);
                let violation = bare(Kind::Vanished, channel, epoch, (offset, offset));
                verdict.add(Violation { ids: vec![id.clone()], ..violation });
            }
        }
    }
}
