//! Random choices that can be made again.

/// A small generator (xorshift, 64 bits): good enough to wander with.
pub(crate) struct Random(u64);

impl Random {
    /// Starts from the `TRUNKLINE_SEED` of the environment, or else from a seed of its own, and
    /// prints it, so that a failure can be repeated.
    pub(crate) fn new() -> Self {
        let given = std::env::var("TRUNKLINE_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).expect("randomness");
            u64::from_ne_bytes(bytes)
        });
        #[expect(clippy::print_stdout, reason = "shown when the test fails")]
        {
            println!("TRUNKLINE_SEED={seed}");
        }
        Self(seed | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or(0) % end
    }
}
