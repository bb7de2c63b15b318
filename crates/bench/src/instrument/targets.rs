//! The figures a release is held to, in one place. `--check` fails when one is missed.

use serde::Serialize;

/// What a figure is held to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Target {
    /// Beyond this the check fails.
    #[serde(flatten)]
    pub(crate) limit: Limit,
    /// Where it shall be one day, when that is elsewhere.
    pub(crate) aim: Option<f64>,
    /// Which of a figure's numbers is meant.
    pub(crate) of: Bounded,
}

/// Where good ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// More is bad, as of costs.
    AtMost(f64),
    /// Less is bad, as of speeds.
    AtLeast(f64),
}

impl Limit {
    /// Whether a figure of this size is all right.
    pub(crate) fn allows(self, size: f64) -> bool {
        match self {
            Self::AtMost(most) => size <= most,
            Self::AtLeast(least) => size >= least,
        }
    }
}

/// Which of a figure's numbers a target bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bounded {
    /// The ratio to the floor, or to the same server undisturbed.
    Ratio,
    /// The server's own number.
    Value,
}

const fn ratio(at_most: f64, aim: Option<f64>) -> Target {
    Target { limit: Limit::AtMost(at_most), aim, of: Bounded::Ratio }
}

const fn value(at_most: f64, aim: Option<f64>) -> Target {
    Target { limit: Limit::AtMost(at_most), aim, of: Bounded::Value }
}

/// CPU per delivery, fan-out with one publication in flight: nothing can be coalesced.
pub(crate) const FANOUT_ONE: Target = ratio(1.15, Some(1.05));
/// CPU per delivery, fan-out with 64 publishers and 64 in flight: everything can be.
pub(crate) const FANOUT_MANY: Target = ratio(2.0, Some(1.3));
/// CPU per delivery, fan-out of a channel that keeps history in memory, to the same without.
pub(crate) const FANOUT_HISTORY: Target = ratio(1.25, None);
/// CPU per delivery in rooms.
pub(crate) const ROOMS: Target = ratio(1.3, Some(1.05));
/// CPU per connection made.
pub(crate) const STORM: Target = ratio(1.3, Some(1.1));
/// Bytes of process memory per idle subscribed connection.
pub(crate) const IDLE: Target = value(2_048.0, Some(1_024.0));
/// p99 with one subscriber that never reads, to p99 without.
pub(crate) const SLOW: Target = ratio(1.25, None);
/// Memory of any later plateau, to the first.
pub(crate) const CHURN: Target = ratio(1.10, None);
/// Lines that must not be in the log.
pub(crate) const NO_ERRORS: Target = value(0.0, None);
/// Durable publications acknowledged per second with 1,024 in flight, to what the disk takes when the
/// same batches are only written and flushed.
pub(crate) const DURABLE: Target =
    Target { limit: Limit::AtLeast(0.35), aim: None, of: Bounded::Ratio };
/// Publications acknowledged per second through Redis with 128 and with 1,024 in flight, to what Redis
/// takes of the very same commands.
pub(crate) const CLUSTER: Target =
    Target { limit: Limit::AtLeast(0.8), aim: None, of: Bounded::Ratio };
