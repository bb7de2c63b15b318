//! The oracle: what has been promised and seen, compared with what the store says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use trunkline_core::gap::GapReason;
use trunkline_core::history::HistoryPage;
use trunkline_core::position::{Epoch, Position, Tag};
use trunkline_core::publication::Publication;

/// Every payload is unique, so it stands for its publication.
pub(crate) type Payload = String;

/// What is known of one channel.
#[derive(Default)]
pub(crate) struct Channel {
    /// What anyone has seen at a place, and whether it was durable then.
    seen: BTreeMap<(String, u64), Seen>,
    /// Acknowledged or read, in the history that holds now.
    truth: BTreeMap<u64, Payload>,
    /// Asked for, and neither done nor refused.
    undecided: BTreeSet<Payload>,
    /// Refused, or not there at a restart: must never appear.
    dead: BTreeSet<Payload>,
    /// A removal behind this offset was acknowledged.
    cleared: u64,
    /// A removal whose fate is open, behind this offset.
    perhaps_cleared: u64,
    epoch: Option<Epoch>,
    /// It was idle for so long that it may be forgotten, if it is empty.
    may_begin: bool,
    /// The outcomes of keys.
    pub(crate) keys: HashMap<String, Position>,
}

struct Seen {
    payload: Payload,
    tag: Tag,
    durable: bool,
}

/// What may have happened to a stream, besides what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// Nothing: its name is the same.
    Nothing,
    /// It may have been delivered early and lost that: another lineage.
    Part,
    /// A repair may have lost anything.
    Lose,
}

impl May {
    /// What may happen to a stream at any time.
    pub(crate) fn usual(early: bool) -> Self {
        // A full disk may take back what was delivered early.
        if early { Self::Part } else { Self::Nothing }
    }
}

/// Publications a channel keeps.
pub(crate) const KEPT: usize = 70;

impl Channel {
    pub(crate) fn asked(&mut self, payload: &str) {
        self.undecided.insert(payload.into());
    }

    pub(crate) fn refused(&mut self, payload: &str) {
        self.undecided.remove(payload);
        self.dead.insert(payload.into());
    }

    /// A publication was delivered or acknowledged.
    pub(crate) fn seen(
        &mut self,
        publication: &Publication,
        durable: bool,
        may: May,
    ) -> Result<(), String> {
        self.kept(publication, durable)?;
        if durable {
            self.named(&publication.epoch, may)?;
            let payload = text(publication);
            self.undecided.remove(&payload);
            self.truth.insert(publication.offset, payload);
            self.may_begin = false;
        }
        Ok(())
    }

    /// A publication stands at its place, and nothing else ever did.
    fn kept(&mut self, publication: &Publication, durable: bool) -> Result<(), String> {
        let payload = text(publication);
        let place = (publication.epoch.as_str().to_owned(), publication.offset);
        let tag = publication.tag;
        if self.dead.contains(&payload) {
            return Err(format!("{payload} had been refused or lost before"));
        }
        let new = || Seen { payload: payload.clone(), tag, durable };
        let seen = self.seen.entry(place.clone()).or_insert_with(new);
        if seen.payload != payload || seen.tag != tag {
            return Err(format!("{place:?} was {}, and is {payload}", seen.payload));
        }
        seen.durable |= durable;
        Ok(())
    }

    pub(crate) fn cleared(&mut self, perhaps: bool) {
        let top = self.truth.last_key_value().map_or(0, |(offset, _)| *offset);
        if perhaps {
            self.perhaps_cleared = self.perhaps_cleared.max(top);
        } else {
            self.cleared = self.cleared.max(top);
        }
    }

    /// After a restart what was open is decided by what is there.
    pub(crate) fn restarted(&mut self) {
        self.perhaps_cleared = self.perhaps_cleared.max(self.cleared);
    }

    /// Judges all that is kept. `settled` says that nothing is under way.
    pub(crate) fn judge(
        &mut self,
        page: &HistoryPage,
        may: May,
        settled: bool,
    ) -> Result<(), String> {
        let top = page.top.offset;
        let first = page.publications.first().map_or(top + 1, |first| first.offset);
        let offsets = page.publications.iter().map(|kept| kept.offset);
        if !offsets.clone().eq(first..=top) {
            return Err(format!("kept are {:?} of {top}", offsets.collect::<Vec<_>>()));
        }
        self.named(&page.top.epoch, may)?;
        for kept in &page.publications {
            let payload = text(kept);
            let known = self.truth.contains_key(&kept.offset) || self.undecided.contains(&payload);
            if !known && may != May::Lose {
                return Err(format!("{payload} at {} was never published", kept.offset));
            }
        }
        if may == May::Lose {
            self.truth.retain(|offset, _| *offset <= top && *offset >= first);
            self.cleared = first - 1;
        } else {
            self.judge_complete(top, first)?;
        }
        for kept in &page.publications {
            self.kept(kept, true)?;
            let payload = text(kept);
            self.undecided.remove(&payload);
            self.truth.insert(kept.offset, payload);
        }
        if settled {
            self.dead.append(&mut self.undecided);
        }
        Ok(())
    }

    /// The last offset that is known.
    pub(crate) fn top(&self) -> u64 {
        self.truth.last_key_value().map_or(0, |(offset, _)| *offset)
    }

    /// A day has passed.
    pub(crate) fn day_passed(&mut self) {
        self.keys.clear();
        self.may_begin = true;
    }

    /// The stream goes by this name.
    fn named(&mut self, epoch: &Epoch, may: May) -> Result<(), String> {
        let before = self.epoch.replace(epoch.clone());
        let Some(before) = before.filter(|before| before != epoch) else { return Ok(()) };
        if may == May::Lose {
            return Ok(());
        }
        let generation = |epoch: &Epoch| epoch.as_str().split('-').next().map(str::to_owned);
        let begins = generation(&before) != generation(epoch);
        if begins && (self.may_begin || self.truth.is_empty()) {
            self.truth.clear();
            self.keys.clear();
            (self.cleared, self.perhaps_cleared) = (0, 0);
            return Ok(());
        }
        if begins || may == May::Nothing {
            return Err(format!("{before:?} became {epoch:?} for no reason"));
        }
        Ok(())
    }

    /// Everything acknowledged and retained is there.
    fn judge_complete(&mut self, top: u64, first: u64) -> Result<(), String> {
        let last = self.truth.last_key_value().map_or(0, |(offset, _)| *offset);
        if last > top {
            return Err(format!("acknowledged up to {last}, there up to {top}"));
        }
        let trimmed = top.saturating_sub(KEPT as u64);
        let expected = trimmed.max(self.cleared) + 1;
        let excused = trimmed.max(self.perhaps_cleared) + 1;
        if first > expected.max(excused).min(top + 1) {
            return Err(format!("kept from {first} on, not from {expected} on"));
        }
        if first > expected {
            self.cleared = self.perhaps_cleared;
        }
        Ok(())
    }

    /// Every place that anyone has seen, for [`Channel::judge_return`].
    pub(crate) fn places(&self) -> Vec<Position> {
        let place = |(epoch, offset): &(String, u64)| Position::new(Epoch::new(epoch), *offset);
        self.seen.keys().map(place).collect()
    }

    /// Judges what a client is told that comes back at a place without a tag.
    pub(crate) fn judge_return(
        &self,
        from: &Position,
        page: &HistoryPage,
        may: May,
    ) -> Result<(), String> {
        let Some(seen) = self.seen.get(&(from.epoch.as_str().to_owned(), from.offset)) else {
            return Ok(());
        };
        let told = page.continues(from);
        let place = format!("{} at {from:?} with top {:?}", seen.payload, page.top);
        if told.is_ok() && page.recovers(from) != Err(GapReason::Forked) {
            let there = self.truth.get(&from.offset);
            if there.is_some_and(|there| *there != seen.payload) {
                return Err(format!("{place} was replaced, and nobody is told"));
            }
            if from.offset > page.top.offset {
                return Err(format!("{place} was lost, and nobody is told"));
            }
            if page.anchor.is_some_and(|anchor| anchor != seen.tag) {
                return Err(format!("{place} has another past, and nobody is told"));
            }
        }
        let innocent = seen.durable && may != May::Lose && self.epoch == Some(from.epoch.clone());
        if innocent && told.is_err() {
            return Err(format!("{place} is {told:?} for no reason"));
        }
        let tagged = Position { tag: Some(seen.tag), ..from.clone() };
        if told.is_ok() && seen.durable && may != May::Lose && page.continues(&tagged).is_err() {
            return Err(format!("{place}: the tag is not what it was"));
        }
        if told == Err(GapReason::Forked) && seen.durable && may != May::Lose {
            return Err(format!("{place} was durable, and is forked"));
        }
        Ok(())
    }
}

fn text(publication: &Publication) -> Payload {
    String::from_utf8_lossy(&publication.data).into_owned()
}
