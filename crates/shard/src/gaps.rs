//! Counting what could not be given to somebody.

use trunkline_core::error::ClientError;
use trunkline_core::gap::GapReason;
use trunkline_core::reply::{Push, Reply, SubscribeResult};
use trunkline_telemetry::Gap;

use crate::shard::Shard;

impl Shard {
    pub(crate) fn count_gap(&self, reason: GapReason) {
        let gap = match reason {
            GapReason::Trimmed => Gap::Trimmed,
            GapReason::EpochChanged => Gap::EpochChanged,
            GapReason::Forked => Gap::Forked,
            GapReason::Overflow => Gap::Overflow,
            GapReason::Limit => Gap::Limit,
        };
        self.counters().gaps.add(gap, 1);
    }

    /// Counts the gaps that an answer tells of.
    pub(crate) fn count_gaps_of_reply(&self, answer: &Result<Reply, ClientError>) {
        match answer {
            Ok(Reply::Subscribe(result)) => self.count_gap_of(result),
            Ok(Reply::Connect(result)) => {
                result.subscriptions.iter().for_each(|(_, result)| self.count_gap_of(result));
            }
            _ => {}
        }
    }

    /// Counts the gaps that a push tells of.
    pub(crate) fn count_gaps_of_push(&self, push: &Push) {
        match push {
            Push::Gap { reason, .. } => self.count_gap(*reason),
            Push::Subscribe { result, .. } => self.count_gap_of(result),
            Push::Connect(result) => {
                result.subscriptions.iter().for_each(|(_, result)| self.count_gap_of(result));
            }
            Push::Unsubscribe { .. } | Push::Message { .. } => {}
        }
    }

    fn count_gap_of(&self, result: &SubscribeResult) {
        if let Some(reason) = result.gap {
            self.count_gap(reason);
        }
    }
}
