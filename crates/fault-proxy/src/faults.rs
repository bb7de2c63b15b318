//! What can go wrong, per direction.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// Which way bytes go. Clients connect to the proxy, and the proxy connects to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    ToUpstream,
    /// From the upstream to the client.
    ToClient,
}

impl Direction {
    /// The other way round.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::ToUpstream => Self::ToClient,
            Self::ToClient => Self::ToUpstream,
        }
    }
}

/// What goes wrong on every connection. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// With what clients send.
    pub to_upstream: LineFaults,
    /// With what the upstream sends.
    pub to_client: LineFaults,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self { to_upstream: LineFaults::NONE, to_client: LineFaults::NONE };

    /// The same both ways.
    #[must_use]
    pub fn both(line: LineFaults) -> Self {
        Self { to_upstream: line, to_client: line }
    }

    /// One way only; the other is as it should be.
    #[must_use]
    pub fn towards(direction: Direction, line: LineFaults) -> Self {
        let mut faults = Self::NONE;
        *faults.line_mut(direction) = line;
        faults
    }

    /// What goes wrong in this direction.
    #[must_use]
    pub fn line(&self, direction: Direction) -> &LineFaults {
        match direction {
            Direction::ToUpstream => &self.to_upstream,
            Direction::ToClient => &self.to_client,
        }
    }

    /// The same, to be changed.
    pub fn line_mut(&mut self, direction: Direction) -> &mut LineFaults {
        match direction {
            Direction::ToUpstream => &mut self.to_upstream,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// What goes wrong in one direction. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineFaults {
    /// How much later everything arrives, the end of the connection included. Timers have a grain of one
    /// millisecond. A direction carries at most 256 KiB at a time, so latency also bounds throughput.
    pub latency: Duration,
    /// Up to how much later than that a piece arrives: another time for every piece, evenly spread. Order
    /// is kept, so that a late piece holds up those behind it.
    pub jitter: Duration,
    /// Bytes a second; `None` is no limit. Bytes leave in slices of about 10 ms.
    pub bandwidth: Option<NonZeroU64>,
    /// Whether nothing arrives although the connection stays up.
    pub black_hole: Option<BlackHole>,
    /// Whether the end of the sending side is kept from the receiving one. The receiving side sees
    /// silence, and what it sends is discarded once the other is gone. When this is taken back it learns
    /// of the end. When it closes as well, nothing is left and the connection ends.
    pub half_open: bool,
    /// Resets a connection, both sides, once it has passed on so many bytes in this direction. They are
    /// counted from its beginning, without those that were swallowed; 0 resets at once.
    pub reset_after: Option<u64>,
    /// How likely each byte arrives with one bit flipped.
    pub corruption: Probability,
    /// Cuts the bytes at random places into pieces of so many bytes on average, each written by itself.
    /// What is written quickly may still be read together; with `jitter`, pieces are apart in time too.
    pub chop: Option<NonZeroU32>,
}

impl LineFaults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        bandwidth: None,
        black_hole: None,
        half_open: false,
        reset_after: None,
        corruption: Probability::NEVER,
        chop: None,
    };

    /// Nothing arrives.
    #[must_use]
    pub fn black_hole(kind: BlackHole) -> Self {
        Self { black_hole: Some(kind), ..Self::NONE }
    }

    /// Everything arrives so much later.
    #[must_use]
    pub fn late(latency: Duration) -> Self {
        Self { latency, ..Self::NONE }
    }

    /// Whether the receiving side does not learn that the sending one has ended.
    pub(crate) fn hides_ends(&self) -> bool {
        self.half_open || self.black_hole.is_some()
    }
}

/// How bytes get lost. Either way the connection stays up, and its end is not passed on before the black
/// hole is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlackHole {
    /// Bytes are read and discarded, those on their way included: the sender believes they were sent, and
    /// they never arrive. A stream that goes on afterwards has a hole in it. What was sent so shortly before
    /// the black hole was gone that nobody had read it yet is not lost.
    Swallow,
    /// Nothing is read: the sender's buffers fill until it has to wait. When the black hole is gone,
    /// everything arrives.
    Stall,
}

/// How likely something is, from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// It does not happen.
    pub const NEVER: Self = Self(0.0);
    /// It happens every time.
    pub const ALWAYS: Self = Self(1.0);

    /// `None` unless the number is from 0 to 1.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        (0.0..=1.0).contains(&number).then_some(Self(number))
    }

    /// Whether it happens, given a number in which all 64 bits are random.
    pub(crate) fn happens(self, random: u64) -> bool {
        // A double holds 53 bits exactly; the result is at least 0 and below 1.
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        ((random >> 11) as f64) * STEP < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_from_never_to_always() {
        assert_eq!(Probability::new(0.0), Some(Probability::NEVER));
        assert_eq!(Probability::new(1.0), Some(Probability::ALWAYS));
        for number in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Probability::new(number), None);
        }
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!Probability::NEVER.happens(random));
            assert!(Probability::ALWAYS.happens(random));
        }
    }

    #[test]
    fn faults_go_one_way_or_both() {
        let line = LineFaults::late(Duration::from_secs(1));
        let faults = Faults::towards(Direction::ToClient, line);
        assert_eq!((faults.to_upstream, faults.to_client), (LineFaults::NONE, line));
        let faults = Faults::both(line);
        assert_eq!((faults.to_upstream, faults.to_client), (line, line));
    }
}
