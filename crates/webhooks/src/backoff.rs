//! How long to wait before the next attempt.

use std::time::Duration;

/// Before the second attempt.
const FIRST_MS: u64 = 1_000;

/// Before any attempt, at most: a receiver that is back does not wait long for what it has missed.
const LONGEST_MS: u64 = 60_000;

/// How long to wait after so many failures in a row: twice as long each time. `luck` spreads it by a
/// tenth up or down, so that nodes do not all come back at once.
pub(crate) fn wait(failures: u32, luck: u8) -> Duration {
    let doubled = FIRST_MS.checked_shl(failures.saturating_sub(1)).unwrap_or(LONGEST_MS);
    let middle = doubled.clamp(FIRST_MS, LONGEST_MS);
    let spread = middle / 5 * u64::from(luck) / u64::from(u8::MAX);
    Duration::from_millis(middle - middle / 10 + spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_minute() {
        let middle: Vec<u64> =
            (1..=9).map(|n| u64::try_from(wait(n, 127).as_millis()).unwrap() / 1_000).collect();
        assert_eq!(middle, [0, 1, 3, 7, 15, 31, 59, 59, 59]);
        assert_eq!(wait(1, 0), Duration::from_millis(900));
        assert_eq!(wait(1, 255), Duration::from_millis(1_100));
        assert_eq!(wait(u32::MAX, 255), Duration::from_millis(66_000));
    }
}
