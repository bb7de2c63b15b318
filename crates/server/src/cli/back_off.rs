//! How long to wait before trying again.

use std::time::Duration;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait, before jitter: a node that was away for long finds its clients back within
/// half a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double, each shortened at random by up to a half, so that clients that lost the same
/// node do not all return at once.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    attempts: u32,
}

impl BackOff {
    /// The next wait. `random` is any number, every one as likely as another.
    pub(crate) fn next(&mut self, random: u32) -> Duration {
        // Beyond five doublings the longest wait is reached.
        let doubled = FIRST * 2_u32.pow(self.attempts.min(5));
        self.attempts = self.attempts.saturating_add(1);
        let full = doubled.min(LONGEST);
        full.mul_f64(1.0 - 0.5 * f64::from(random) / f64::from(u32::MAX))
    }

    /// It worked: the next wait is the first again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_start_over() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..8).map(|_| back_off.next(0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        back_off.reset();
        assert_eq!(back_off.next(0).as_secs(), 1);
    }

    #[test]
    fn jitter_takes_at_most_half() {
        assert_eq!(BackOff::default().next(u32::MAX), FIRST / 2);
        let middle = BackOff::default().next(u32::MAX / 2);
        assert!(middle > FIRST / 2 && middle < FIRST);
    }
}
