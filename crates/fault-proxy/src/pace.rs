//! Bandwidth: how much may leave now, and when more may.

use std::num::NonZeroU64;
use std::time::Duration;

/// Slices a second into which a bandwidth is cut. Finer ones would ask for more than timers can do, and
/// coarser ones would come in bursts.
const SLICES: u64 = 100;

/// How far a line may lag behind its bandwidth and still make up for it: a few grains of the timer, by
/// which any wait may be too long.
const LAG: Duration = Duration::from_millis(10);

/// When a line is free again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    bandwidth: Option<NonZeroU64>,
    free_at: Duration,
}

impl Pace {
    /// When the next bytes may leave, and how many of them at most. Where the bandwidth is no longer what
    /// it was, what left before is forgotten.
    pub(crate) fn next(
        &mut self,
        bandwidth: Option<NonZeroU64>,
        now: Duration,
    ) -> (Duration, usize) {
        if self.bandwidth != bandwidth {
            *self = Self { bandwidth, free_at: now };
        }
        let slice = bandwidth.map_or(u64::MAX, |bandwidth| (bandwidth.get() / SLICES).max(1));
        (self.free_at, usize::try_from(slice).unwrap_or(usize::MAX))
    }

    /// So many bytes have left.
    pub(crate) fn spend(&mut self, bytes: usize, now: Duration) {
        let Some(bandwidth) = self.bandwidth else { return };
        let nanos = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(bandwidth.get()));
        let took = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free_at = self.free_at.max(now.saturating_sub(LAG)).saturating_add(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Bytes that leave until `end` when somebody always has more, and looks after every wait.
    fn carried(pace: &mut Pace, bandwidth: u64, start: Duration, end: Duration) -> usize {
        let (mut now, mut bytes) = (start, 0);
        loop {
            let (free_at, slice) = pace.next(NonZeroU64::new(bandwidth), now);
            now = now.max(free_at);
            if now >= end {
                return bytes;
            }
            pace.spend(slice, now);
            bytes += slice;
        }
    }

    #[test]
    fn a_second_carries_the_bandwidth() {
        for bandwidth in [1, 10, 1000, 1 << 20] {
            let bytes = carried(&mut Pace::default(), bandwidth, SECOND, SECOND * 2);
            let slice = (bandwidth / SLICES).max(1);
            assert!((bandwidth..=bandwidth + slice).contains(&(bytes as u64)), "{bytes}");
        }
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let mut pace = Pace::default();
        carried(&mut pace, 1000, Duration::ZERO, SECOND);
        let bytes = carried(&mut pace, 1000, SECOND * 60, SECOND * 61);
        assert!((1000..=1020).contains(&bytes), "{bytes}");
    }

    #[test]
    fn another_bandwidth_holds_at_once() {
        let mut pace = Pace::default();
        let (_, slice) = pace.next(NonZeroU64::new(1), SECOND);
        pace.spend(slice * 1000, SECOND);
        assert!(pace.next(NonZeroU64::new(1), SECOND).0 > SECOND * 1000);
        assert_eq!(pace.next(NonZeroU64::new(1000), SECOND), (SECOND, 10));
        assert_eq!(pace.next(None, SECOND), (SECOND, usize::MAX));
    }
}
