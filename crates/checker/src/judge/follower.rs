//! One subscriber in one channel: the place it is at, and what may come next.

use std::sync::Arc;

use super::account::{Account, Message, bare};
use super::{Claim, Kind, NAMED_IDS, Verdict, Violation};
use crate::event::{GapReason, Place};

/// Holes of one subscription that are remembered, to tell what comes late from what comes twice.
const HOLES: usize = 16;

/// Whose subscription to what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) subscriber: &'a str,
    pub(super) channel: &'a str,
}

impl Spot<'_> {
    fn violation(
        self,
        kind: Kind,
        epoch: &str,
        offsets: (u64, u64),
        ids: Vec<String>,
    ) -> Violation {
        let who = Some(self.subscriber.to_owned());
        Violation { who, ids, ..bare(kind, self.channel, epoch, offsets) }
    }
}

/// A subscriber in a channel.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// Whether it is subscribed now.
    here: bool,
    /// Whether it has ever been.
    known: bool,
    epoch: String,
    /// The offset it has seen last.
    last: u64,
    /// The tag of that place, where the protocol carries it.
    tag: Option<String>,
    /// The offset behind which it has seen everything, but for the holes.
    start: u64,
    /// What it did not receive, first and last.
    holes: Vec<(u64, u64)>,
    /// What it has seen of the history it believes to be in, by offset.
    seen: Vec<(u64, Arc<str>)>,
}

impl Follower {
    fn go_on(&mut self, at: &Place) {
        *self = Self {
            here: true,
            known: true,
            epoch: at.epoch.clone(),
            last: at.offset,
            tag: at.tag.clone(),
            start: at.offset,
            holes: Vec::new(),
            seen: std::mem::take(&mut self.seen),
        };
    }

    /// A gap was told. One that says that the history is another, or names another, says as well that
    /// nothing seen before may be taken for granted; one that only says that something is missing
    /// does not.
    fn told(&mut self, reason: GapReason, at: &Place) {
        let other = match reason {
            GapReason::Forked | GapReason::EpochChanged | GapReason::Unrecovered => true,
            GapReason::Trimmed | GapReason::Overflow | GapReason::Limit => self.epoch != at.epoch,
        };
        if other {
            self.seen.clear();
        }
    }

    /// The id of what it has seen at an offset, if that was the last it saw.
    fn seen_at(&self, offset: u64) -> Option<Arc<str>> {
        self.seen.last().filter(|(last, _)| *last == offset).map(|(_, id)| Arc::clone(id))
    }

    /// A subscription began at the top of the stream. What was missed before is not owed.
    pub(super) fn began(&mut self, at: &Place) {
        self.seen.clear();
        self.go_on(at);
    }

    fn not_back(&self, spot: Spot<'_>, at: &Place, verdict: &mut Verdict) {
        if self.is_behind(at) {
            let offsets = (at.offset, self.last);
            verdict.add(spot.violation(Kind::Backwards, &at.epoch, offsets, Vec::new()));
        }
    }

    /// That a subscription which was not recovered, or asked for no place, begins behind what was seen.
    /// After a rollback it may.
    pub(super) fn setback(
        &self,
        spot: Spot<'_>,
        since: Option<&Place>,
        at: &Place,
    ) -> Option<Violation> {
        // Who asked to come back to an earlier place than it had seen is measured by what it asked.
        let last = since.map_or(self.last, |since| self.last.min(since.offset));
        let back = self.is_behind(at) && at.offset < last;
        back.then(|| spot.violation(Kind::Backwards, &at.epoch, (at.offset, last), Vec::new()))
    }

    /// Whether a place lies behind what it has seen.
    fn is_behind(&self, at: &Place) -> bool {
        self.known && self.epoch == at.epoch && at.offset < self.last
    }

    /// A subscription began at the place it asked for, or was told that this cannot be.
    #[expect(clippy::too_many_arguments, reason = "the members of one event, and where to write")]
    pub(super) fn came_back(
        &mut self,
        spot: Spot<'_>,
        since: &Place,
        recovered: bool,
        gap: Option<GapReason>,
        at: &Place,
        account: &Account,
        verdict: &mut Verdict,
    ) -> Option<Claim> {
        if self.known && since.epoch == self.epoch && since.offset > self.last {
            let hole = (self.last + 1, since.offset);
            let ids = account.ids(&since.epoch, hole);
            verdict.add(spot.violation(Kind::Missing, &since.epoch, hole, ids));
        }
        let seen = self.seen_at(since.offset);
        let claim = |reason| Claim {
            subscriber: spot.subscriber.to_owned(),
            reason,
            from: since.clone(),
            seen,
            to: at.clone(),
        };
        if recovered {
            if at.offset != since.offset {
                let offsets = (since.offset.min(at.offset), since.offset.max(at.offset));
                verdict.add(spot.violation(Kind::WrongStart, &at.epoch, offsets, Vec::new()));
            }
            if gap.is_some() {
                let violation =
                    spot.violation(Kind::FalseGap, &at.epoch, (at.offset, at.offset), Vec::new());
                verdict.add(Violation { reason: gap, ..violation });
            }
            self.go_on(&Place { offset: since.offset, ..at.clone() });
            return None;
        }
        // Who asked to come back to an earlier place than it had seen is measured by what it asked.
        self.last = self.last.min(since.offset);
        match gap {
            // What Centrifuge calls not recovered may be any of these, which its setback decides.
            Some(GapReason::Forked | GapReason::EpochChanged | GapReason::Unrecovered) => {}
            Some(_) => self.not_back(spot, at, verdict),
            None => {
                let missed = (since.offset + 1, at.offset.max(since.offset + 1));
                let ids = account.ids(&at.epoch, missed);
                verdict.add(spot.violation(Kind::SilentGap, &at.epoch, missed, ids));
            }
        }
        if let Some(reason) = gap {
            self.told(reason, at);
        }
        self.go_on(at);
        gap.map(claim)
    }

    /// A publication arrived.
    pub(super) fn received(
        &mut self,
        spot: Spot<'_>,
        message: Message<'_>,
        account: &Account,
        verdict: &mut Verdict,
    ) {
        let Message { id, at: Place { epoch, offset, .. } } = message;
        let offset = *offset;
        let mut wrong = |kind, offsets, ids| verdict.add(spot.violation(kind, epoch, offsets, ids));
        let this = || vec![id.to_owned()];
        if !self.here {
            return wrong(Kind::Uninvited, (offset, offset), this());
        }
        if self.epoch.is_empty() {
            self.epoch.clone_from(epoch);
        }
        if self.epoch != *epoch {
            wrong(Kind::SilentEpoch, (offset, offset), this());
            self.seen.push((offset, account.interned(id)));
            return self.go_on(message.at);
        }
        if offset <= self.last {
            let late = self.holes.iter().any(|&(first, last)| (first..=last).contains(&offset));
            let kind = match late || offset <= self.start {
                true => Kind::Backwards,
                false => Kind::Duplicate,
            };
            return wrong(kind, (offset, offset), this());
        }
        if offset > self.last + 1 {
            let hole = (self.last + 1, offset - 1);
            wrong(Kind::Missing, hole, account.ids(epoch, hole));
            self.holes.truncate(HOLES - 1);
            self.holes.insert(0, hole);
        }
        self.last = offset;
        self.tag.clone_from(&message.at.tag);
        self.seen.push((offset, account.interned(id)));
    }

    /// The server said that something is missing and where it goes on.
    pub(super) fn skipped(
        &mut self,
        spot: Spot<'_>,
        reason: GapReason,
        at: &Place,
        verdict: &mut Verdict,
    ) -> Option<Claim> {
        if !self.here {
            let offsets = (at.offset, at.offset);
            let violation = spot.violation(Kind::Uninvited, &at.epoch, offsets, Vec::new());
            verdict.add(Violation { reason: Some(reason), ..violation });
            return None;
        }
        if !matches!(reason, GapReason::Forked | GapReason::EpochChanged) {
            self.not_back(spot, at, verdict);
        }
        let from = Place::new(&self.epoch, self.last);
        let seen = self.seen_at(self.last);
        self.told(reason, at);
        self.go_on(at);
        let subscriber = spot.subscriber.to_owned();
        Some(Claim { subscriber, reason, from, seen, to: at.clone() })
    }

    /// It is no longer subscribed.
    pub(super) fn left(&mut self) {
        self.here = false;
    }

    /// Whoever is subscribed at the end has everything the stream holds.
    pub(super) fn conclude(&self, spot: Spot<'_>, account: &Account, verdict: &mut Verdict) {
        let Some(stream) = account.stream.as_ref().filter(|_| self.here) else { return };
        let top = &stream.top;
        let mut wrong = |kind, offsets| {
            let ids = account.ids(&top.epoch, offsets);
            verdict.add(spot.violation(kind, &top.epoch, offsets, ids));
        };
        let named = !self.epoch.is_empty() && !top.epoch.is_empty();
        // Equal tags at one offset prove one history, whatever it was called.
        let proved = self.tag.is_some() && self.tag == top.tag && self.last == top.offset;
        if named && self.epoch != top.epoch && !proved {
            wrong(Kind::Stranded, (top.offset, top.offset));
        } else if self.last < top.offset {
            wrong(Kind::NeverDelivered, (self.last + 1, top.offset));
        } else if self.last > top.offset {
            wrong(Kind::Vanished, (top.offset + 1, self.last));
        }
        if account.rolled_back {
            let gone = self.seen.iter().filter(|(offset, id)| {
                *offset >= stream.first && stream.held.get(offset).is_none_or(|held| held != id)
            });
            let gone: Vec<&(u64, Arc<str>)> = gone.collect();
            if let (Some((first, _)), Some((last, _))) = (gone.first(), gone.last()) {
                let ids = gone.iter().take(NAMED_IDS).map(|(_, id)| id.to_string()).collect();
                let offsets = (*first.min(last), *first.max(last));
                verdict.add(spot.violation(Kind::Untold, &top.epoch, offsets, ids));
            }
        }
    }
}
