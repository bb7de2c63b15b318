//! Random choices that a seed decides (SplitMix64, which any seed suits, 0 included).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seeds lie below this, so that they can be copied by hand.
const SEEDS: u64 = 1_000_000_000;

/// A source of random choices.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The source of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another source, decided by this one's seed and a name of its own.
    pub(crate) fn fork(&self, name: u64) -> Self {
        let mut fork = Self(self.0 ^ name.wrapping_mul(0xA24B_AED4_963E_E407));
        fork.next();
        fork
    }

    /// The seed of one of many runs that this one's seed decides. It can be copied by hand.
    pub(crate) fn seed_of(&self, name: u64) -> u64 {
        self.fork(name).next() % SEEDS
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The bias of a remainder is of no concern here.
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// Whether something happens that does so once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A time from `least` to below `most` milliseconds.
    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least))
    }
}

/// A seed that was not used before, most likely.
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_nanos() as u64 ^ u64::from(std::process::id())) % SEEDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let draw = |mut chance: Chance| (0..8).map(|_| chance.below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(Chance::new(7)), draw(Chance::new(7)));
        assert_ne!(draw(Chance::new(7)), draw(Chance::new(8)));
        assert_ne!(draw(Chance::new(7).fork(1)), draw(Chance::new(7).fork(2)));
    }
}
