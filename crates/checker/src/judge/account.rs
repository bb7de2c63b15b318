//! What is known of one channel: which message stands where, in each of its epochs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::acknowledged::Acknowledged;
use super::{Claim, Kind, LISTED, NAMED_IDS, Verdict, Violation};
use crate::event::{Kept, Place, Rules};

/// Conflicts of one channel that are kept until the end of the run tells what they mean; more than
/// this are counted at once.
const CONFLICTS: usize = 1000 * LISTED;

/// A message, and where somebody says it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    pub(super) at: &'a Place,
}

/// What stands at one place.
#[derive(Debug)]
struct Entry {
    id: Arc<str>,
    tag: Option<Box<str>>,
}

/// What the stream held when it was read last.
#[derive(Debug)]
pub(super) struct Stream {
    /// The place of its newest publication.
    pub(super) top: Place,
    /// The offset of its oldest; one more than the top's if it holds nothing.
    pub(super) first: u64,
    /// The ids of its publications, by offset.
    pub(super) held: BTreeMap<u64, Arc<str>>,
}

/// Everything known of one channel.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Ids that somebody published, whatever came of it.
    published: HashSet<Arc<str>>,
    /// What publishers were promised.
    pub(super) acknowledged: Acknowledged,
    epochs: BTreeMap<String, BTreeMap<u64, Entry>>,
    /// Places at which two messages were said to stand. After the broker was rolled back both may
    /// have, one after the other; the end of the run tells.
    conflicts: Vec<Violation>,
    /// Subscriptions that began behind what had been seen, which they may after a rollback.
    pub(super) setbacks: Vec<Violation>,
    /// Whether the broker was rolled back.
    pub(super) rolled_back: bool,
    /// Pairs of epochs (older, newer) of which a recovery said that they are the same history, and
    /// up to which offset.
    joints: HashMap<(String, String), u64>,
    /// Gaps that were told.
    pub(super) claims: Vec<Claim>,
    /// What the stream held.
    pub(super) stream: Option<Stream>,
}

impl Account {
    /// Somebody called publish with this id.
    pub(super) fn publish(&mut self, id: &str) {
        if !self.published.contains(id) {
            self.published.insert(id.into());
        }
    }

    /// Somebody says that a message stands at a place.
    pub(super) fn told(
        &mut self,
        channel: &str,
        who: Option<&str>,
        message: Message<'_>,
        verdict: &mut Verdict,
    ) {
        let Message { id, at } = message;
        let epoch = super::entry(&mut self.epochs, &at.epoch);
        let tag = at.tag.as_deref();
        let Some(entry) = epoch.get_mut(&at.offset) else {
            let id = self.published.get(id).map_or_else(|| id.into(), Arc::clone);
            epoch.insert(at.offset, Entry { id, tag: tag.map(Into::into) });
            return;
        };
        let other_tag = entry.tag.as_deref().zip(tag).is_some_and(|(held, told)| held != told);
        if *entry.id != *id || other_tag {
            let ids = vec![entry.id.to_string(), id.to_owned()];
            let violation = Violation {
                who: who.map(Into::into),
                ids,
                ..bare(Kind::Conflict, channel, &at.epoch, (at.offset, at.offset))
            };
            // A run that has so many of them is broken, whatever the broker did.
            match self.conflicts.len() < CONFLICTS {
                true => self.conflicts.push(violation),
                false => verdict.add(violation),
            }
        } else if entry.tag.is_none() {
            entry.tag = tag.map(Into::into);
        }
    }

    /// A recovery said that what was seen up to `since` is a part of the history `at` is in.
    pub(super) fn join(&mut self, since: &Place, at: &Place) {
        if since.epoch.is_empty() || since.epoch == at.epoch {
            return;
        }
        let shared = self.joints.entry((since.epoch.clone(), at.epoch.clone())).or_default();
        *shared = (*shared).max(since.offset);
    }

    /// The stream was read: it holds this, and all that was told before must be in it.
    pub(super) fn held(
        &mut self,
        channel: &str,
        top: &Place,
        publications: &[Kept],
        rules: &Rules,
        verdict: &mut Verdict,
    ) {
        let first = publications.first().map_or(top.offset + 1, |publication| publication.offset);
        let mut due = first;
        for Kept { offset, id, tag } in publications {
            if *offset != due {
                let hole = (due.min(*offset), offset.saturating_sub(1).max(due.min(*offset)));
                verdict.add(bare(Kind::StreamHole, channel, &top.epoch, hole));
            }
            due = offset + 1;
            let at = Place { epoch: top.epoch.clone(), offset: *offset, tag: tag.clone() };
            self.told(channel, None, Message { id, at: &at }, verdict);
        }
        if due != top.offset + 1 {
            let hole = (due.min(top.offset), top.offset.max(due - 1));
            verdict.add(bare(Kind::StreamHole, channel, &top.epoch, hole));
        }
        let kept = rules.keeps.unwrap_or(0).min(top.offset);
        if (publications.len() as u64) < kept {
            let early = (top.offset - kept + 1, first.saturating_sub(1));
            verdict.add(bare(Kind::TrimmedEarly, channel, &top.epoch, early));
        }
        // Of what was rolled back, whoever has seen it is asked for.
        let beyond = self.epochs.get(&top.epoch).into_iter().filter(|_| !self.rolled_back);
        for (&offset, entry) in beyond.flat_map(|epoch| epoch.range(top.offset + 1..)) {
            verdict.add(Violation {
                ids: vec![entry.id.to_string()],
                ..bare(Kind::Vanished, channel, &top.epoch, (offset, offset))
            });
        }
        let held = publications.iter().map(|p| (p.offset, self.interned(&p.id))).collect();
        self.stream = Some(Stream { top: top.clone(), first, held });
        self.acknowledged.settle(channel, self.stream.as_ref(), publications, rules, verdict);
    }

    /// The broker went on from an earlier state.
    pub(super) fn roll_back(&mut self) {
        self.rolled_back = true;
        self.acknowledged.forgive();
    }

    /// An id, as it is kept once for all who have seen it.
    pub(super) fn interned(&self, id: &str) -> Arc<str> {
        self.published.get(id).map_or_else(|| id.into(), Arc::clone)
    }

    /// The id at a place, if anybody told.
    pub(super) fn id(&self, epoch: &str, offset: u64) -> Option<&str> {
        self.epochs.get(epoch)?.get(&offset).map(|entry| &*entry.id)
    }

    /// The first few ids of a range of offsets.
    pub(super) fn ids(&self, epoch: &str, (first, last): (u64, u64)) -> Vec<String> {
        let epoch = self.epochs.get(epoch).filter(|_| first <= last).into_iter();
        let entries = epoch.flat_map(|epoch| epoch.range(first..=last)).take(NAMED_IDS);
        entries.map(|(_, entry)| entry.id.to_string()).collect()
    }

    /// Whether two messages stood at one place because the first was rolled back: no more than one of
    /// them is there now, and both were published.
    fn excuses(&self, conflict: &Violation) -> bool {
        let Some(stream) = self.stream.as_ref().filter(|_| self.rolled_back) else { return false };
        let [one, other] = conflict.ids.as_slice() else { return false };
        let offset = conflict.offsets.0;
        let held = stream.held.get(&offset).map(|id| &**id);
        let one_stayed = held == Some(one) || held == Some(other);
        let published = [one, other].iter().all(|id| self.published.contains(id.as_str()));
        one != other && published && (one_stayed || offset > stream.top.offset)
    }

    /// What is wrong with the channel as a whole, now that everything was told.
    pub(super) fn conclude(&self, channel: &str, verdict: &mut Verdict) {
        if self.stream.is_none() || self.acknowledged.is_unsettled() {
            verdict.add(bare(Kind::Unread, channel, "", (0, 0)));
        }
        if !self.rolled_back {
            self.setbacks.iter().for_each(|setback| verdict.add(setback.clone()));
        }
        for conflict in &self.conflicts {
            if !self.excuses(conflict) {
                verdict.add(conflict.clone());
            }
        }
        for (epoch, entries) in &self.epochs {
            let mut places: HashMap<&str, u64> = HashMap::with_capacity(entries.len());
            for (&offset, entry) in entries {
                let ids = || vec![entry.id.to_string()];
                if let Some(earlier) = places.insert(&entry.id, offset) {
                    let violation = bare(Kind::Twice, channel, epoch, (earlier, offset));
                    verdict.add(Violation { ids: ids(), ..violation });
                }
                if !self.published.contains(&entry.id) {
                    let violation = bare(Kind::Invented, channel, epoch, (offset, offset));
                    verdict.add(Violation { ids: ids(), ..violation });
                }
            }
        }
        if self.rolled_back {
            // Who is told of a history by tags goes on calling it by its first name, so that places
            // of one name may be of two. What each has seen is held against the stream instead.
            return;
        }
        for ((older, newer), &shared) in &self.joints {
            let older = self.epochs.get(older).into_iter();
            for (&offset, entry) in older.flat_map(|epoch| epoch.range(..=shared)) {
                if let Some(other) = self.id(newer, offset).filter(|&other| *other != *entry.id) {
                    let ids = vec![entry.id.to_string(), other.to_owned()];
                    let violation = bare(Kind::Conflict, channel, newer, (offset, offset));
                    verdict.add(Violation { ids, ..violation });
                }
            }
        }
    }
}

/// A violation that nobody in particular noticed, without ids.
pub(super) fn bare(kind: Kind, channel: &str, epoch: &str, offsets: (u64, u64)) -> Violation {
    Violation {
        kind,
        channel: channel.to_owned(),
        who: None,
        epoch: epoch.to_owned(),
        offsets,
        ids: Vec::new(),
        reason: None,
    }
}
