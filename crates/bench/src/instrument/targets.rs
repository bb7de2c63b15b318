//! The figures a release is held to, in one place. `--check` fails when one is missed.

use serde::Serialize;

/// What a figure must not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Target {
    /// Beyond this the check fails.
    pub(crate) at_most: f64,
    /// Where it shall be one day, when that is elsewhere.
    pub(crate) aim: Option<f64>,
    /// Which of a figure's numbers is meant.
    pub(crate) of: Bounded,
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
    Target { at_most, aim, of: Bounded::Ratio }
}

/// CPU per delivery, fan-out with one publication in flight: nothing can be coalesced.
pub(crate) const FANOUT_ONE: Target = ratio(1.15, Some(1.05));
/// CPU per delivery, fan-out with 64 publishers and 64 in flight: everything can be.
pub(crate) const FANOUT_MANY: Target = ratio(2.0, Some(1.3));
/// CPU per delivery in rooms.
pub(crate) const ROOMS: Target = ratio(1.3, Some(1.05));
/// CPU per connection made.
pub(crate) const STORM: Target = ratio(1.3, Some(1.1));
/// Bytes of process memory per idle subscribed connection.
pub(crate) const IDLE: Target = Target { at_most: 2_048.0, aim: Some(1_024.0), of: Bounded::Value };
/// p99 with one subscriber that never reads, to p99 without.
pub(crate) const SLOW: Target = ratio(1.25, None);
/// Memory of any later plateau, to the first.
pub(crate) const CHURN: Target = ratio(1.10, None);
/// Lines that must not be in the log.
pub(crate) const NO_ERRORS: Target = Target { at_most: 0.0, aim: None, of: Bounded::Value };
