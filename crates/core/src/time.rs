//! Points in time as plain numbers, handed in from outside.

/// Milliseconds of a monotonic clock with an arbitrary zero. For deadlines and intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick `millis` milliseconds later.
    #[must_use]
    pub fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this tick, 0 when `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since the Unix epoch. For what is shown to people or compared with tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Whole seconds since the Unix epoch, as token claims carry them.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }
}
