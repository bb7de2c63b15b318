//! Random choices that a seed decides.
//!
//! A choice depends on the seed, the connection's number, the direction, what it is about, and the place
//! of the byte it is about, and on nothing else. How the kernel cuts a stream into reads, and which faults
//! were there before, changes nothing about which bytes are corrupted.
//!
//! The generator is SplitMix64, whose n-th number can be had without those before it.

use std::time::Duration;

use crate::faults::{Direction, Probability};

/// The odd constant by which SplitMix64 goes on.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The choices of one direction of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Luck {
    corruption: u64,
    jitter: u64,
    cuts: u64,
}

impl Luck {
    /// Those of this seed, for the connection with this number.
    pub(crate) fn new(seed: u64, connection: u64, direction: Direction) -> Self {
        let line = draw(draw(seed, connection), direction as u64);
        Self { corruption: draw(line, 1), jitter: draw(line, 2), cuts: draw(line, 3) }
    }

    /// What the byte at this place is XORed with; 0 mostly, else one bit.
    pub(crate) fn flips(&self, place: u64, likely: Probability) -> u8 {
        let random = draw(self.corruption, place);
        if likely.happens(random) { 1 << (mix(random) % 8) } else { 0 }
    }

    /// How much later a piece arrives that begins at this place: up to and including `most`.
    pub(crate) fn jitter(&self, place: u64, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let random = u128::from(draw(self.jitter, place));
        // The upper half of a product spreads evenly without a division.
        let late = (random * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(late).unwrap_or(nanos))
    }

    /// Whether a piece ends before the byte at this place, for pieces of `mean` bytes on average.
    pub(crate) fn cuts(&self, place: u64, mean: u32) -> bool {
        (u128::from(draw(self.cuts, place)) * u128::from(mean)) >> 64 == 0
    }
}

/// The number at `place` of the sequence that belongs to `key`.
fn draw(key: u64, place: u64) -> u64 {
    mix(key.wrapping_add(place.wrapping_add(1).wrapping_mul(STRIDE)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flips(luck: &Luck) -> Vec<u8> {
        let often = Probability::new(0.1).unwrap();
        (0..1000).map(|place| luck.flips(place, often)).collect()
    }

    #[test]
    fn seed_connection_and_direction_decide_and_nothing_else() {
        let luck = Luck::new(7, 3, Direction::ToClient);
        assert_eq!(flips(&luck), flips(&Luck::new(7, 3, Direction::ToClient)));
        assert_ne!(flips(&luck), flips(&Luck::new(8, 3, Direction::ToClient)));
        assert_ne!(flips(&luck), flips(&Luck::new(7, 4, Direction::ToClient)));
        assert_ne!(flips(&luck), flips(&Luck::new(7, 3, Direction::ToUpstream)));
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers of seed 0, as the generator's reference implementation prints them.
        assert_eq!(draw(0, 0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(draw(0, 1), 0x6E78_9E6A_A1B9_65F4);
        assert_eq!(draw(0, 2), 0x06C4_5D18_8009_454F);
    }

    #[test]
    fn choices_are_about_as_frequent_as_asked_for() {
        let luck = Luck::new(1, 0, Direction::ToUpstream);
        let corrupted = flips(&luck).iter().filter(|&&mask| mask != 0).count();
        assert!((70..130).contains(&corrupted), "{corrupted} of 1000, asked for 100");
        let cuts = (0..1000).filter(|&place| luck.cuts(place, 10)).count();
        assert!((70..130).contains(&cuts), "{cuts} of 1000, asked for 100");
        assert!((0..100).all(|place| luck.cuts(place, 1)));
    }

    #[test]
    fn one_bit_is_flipped_and_any_of_the_eight() {
        let luck = Luck::new(1, 0, Direction::ToClient);
        let masks: Vec<u8> = (0..200).map(|place| luck.flips(place, Probability::ALWAYS)).collect();
        assert!(masks.iter().all(|mask| mask.is_power_of_two()));
        assert!((0..8).all(|bit| masks.contains(&(1 << bit))));
    }

    #[test]
    fn jitter_fills_its_range_and_stays_in_it() {
        let luck = Luck::new(5, 0, Direction::ToClient);
        let most = Duration::from_millis(5);
        let drawn: Vec<Duration> = (0..1000).map(|place| luck.jitter(place, most)).collect();
        assert!(drawn.iter().all(|late| *late <= most));
        assert!(drawn.iter().any(|late| *late < most / 10));
        assert!(drawn.iter().any(|late| *late > most * 9 / 10));
        assert_eq!(luck.jitter(9, Duration::ZERO), Duration::ZERO);
    }
}
