//! Gaps that were told, held against what the stream turned out to hold.

use std::sync::Arc;

use super::account::{Account, bare};
use super::{Kind, Violation};
use crate::event::{GapReason, Place, Rules};

/// A gap that a subscriber was told about.
#[derive(Debug)]
pub(super) struct Claim {
    /// Who was told.
    pub(super) subscriber: String,
    /// Why.
    pub(super) reason: GapReason,
    /// What the subscriber had seen.
    pub(super) from: Place,
    /// The id of what it had seen last, where the log tells.
    pub(super) seen: Option<Arc<str>>,
    /// Where it went on.
    pub(super) to: Place,
}

impl Claim {
    /// Whether what the gap says cannot be so. Where the log does not tell, the server is believed.
    pub(super) fn is_false(&self, account: &Account, rules: &Rules) -> bool {
        let Self { reason, from, to, .. } = self;
        let same = !from.epoch.is_empty() && from.epoch == to.epoch;
        let missed = to.offset.saturating_sub(from.offset);
        let forward = from.offset <= to.offset;
        // Streams lose their beginning and never get it back: what is there at the end was there.
        let kept_to_the_end = account
            .stream
            .as_ref()
            .is_some_and(|stream| stream.top.epoch == to.epoch && from.offset + 1 >= stream.first);
        let kept = same && forward && (kept_to_the_end || rules.keeps.is_some_and(|n| missed <= n));
        let within_limit = rules.recovery_limit.is_some_and(|limit| missed <= limit);
        match reason {
            GapReason::Trimmed => kept,
            GapReason::EpochChanged => same,
            GapReason::Forked => {
                // After a rollback two messages may have stood at one place.
                let told = account.id(&from.epoch, from.offset).filter(|_| !account.rolled_back);
                let seen = self.seen.as_deref().or(told);
                forward && seen.is_some() && seen == account.id(&to.epoch, from.offset)
            }
            GapReason::Overflow => same && missed == 0,
            GapReason::Limit => same && within_limit,
            GapReason::Unrecovered => kept && (within_limit || missed == 0),
        }
    }

    /// That it is false.
    pub(super) fn violation(&self, channel: &str, account: &Account) -> Violation {
        let offsets = (self.from.offset + 1, self.to.offset.max(self.from.offset + 1));
        Violation {
            who: Some(self.subscriber.clone()),
            ids: account.ids(&self.to.epoch, offsets),
            reason: Some(self.reason),
            ..bare(Kind::FalseGap, channel, &self.to.epoch, offsets)
        }
    }
}
