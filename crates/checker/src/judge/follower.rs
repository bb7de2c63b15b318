//! One subscriber in one channel: the place it is at, and what may come next.

use super::account::{Account, Message, bare};
use super::{Claim, Kind, Verdict, Violation};
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
    /// The offset behind which it has seen everything, but for the holes.
    start: u64,
    /// What it did not receive, first and last.
    holes: Vec<(u64, u64)>,
}

impl Follower {
    fn go_on(&mut self, at: &Place) {
        *self = Self {
            here: true,
            known: true,
            epoch: at.epoch.clone(),
            last: at.offset,
            start: at.offset,
            holes: Vec::new(),
        };
    }

    /// A subscription began at the top of the stream. What was missed before is not owed.
    pub(super) fn began(&mut self, spot: Spot<'_>, at: &Place, verdict: &mut Verdict) {
        self.not_back(spot, at, verdict);
        self.go_on(at);
    }

    fn not_back(&self, spot: Spot<'_>, at: &Place, verdict: &mut Verdict) {
        if self.known && self.epoch == at.epoch && at.offset < self.last {
            let offsets = (at.offset, self.last);
            verdict.add(spot.violation(Kind::Backwards, &at.epoch, offsets, Vec::new()));
        }
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
        let claim = |reason| Claim {
            subscriber: spot.subscriber.to_owned(),
            reason,
            from: since.clone(),
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
            Some(GapReason::Forked | GapReason::EpochChanged) => {}
            Some(_) => self.not_back(spot, at, verdict),
            None => {
                let missed = (since.offset + 1, at.offset.max(since.offset + 1));
                let ids = account.ids(&at.epoch, missed);
                verdict.add(spot.violation(Kind::SilentGap, &at.epoch, missed, ids));
            }
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
        self.go_on(at);
        Some(Claim { subscriber: spot.subscriber.to_owned(), reason, from, to: at.clone() })
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
        if named && self.epoch != top.epoch {
            wrong(Kind::Stranded, (top.offset, top.offset));
        } else if self.last < top.offset {
            wrong(Kind::NeverDelivered, (self.last + 1, top.offset));
        } else if self.last > top.offset {
            wrong(Kind::Vanished, (top.offset + 1, self.last));
        }
    }
}
