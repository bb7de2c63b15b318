//! Latencies, counted in buckets that grow with the value.

/// Buckets per doubling: a percentile is at most 1/64 above the true value.
const PER_DOUBLING: u64 = 64;
const SHIFT: u32 = PER_DOUBLING.trailing_zeros();
/// Enough for any `u64` of nanoseconds.
const BUCKETS: usize = ((64 - SHIFT as usize) + 1) * PER_DOUBLING as usize;

/// A histogram of nanoseconds with a relative error below 1.6 %, in 30 KiB, whatever it is given.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one value.
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
    }

    /// How many values were counted.
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// The value, in nanoseconds, that this share (0 to 1) of all values does not exceed; 0 when
    /// nothing was counted.
    pub(crate) fn percentile(&self, share: f64) -> u64 {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return highest(index);
            }
        }
        0
    }
}

/// Small values have a bucket each; above, the leading seven bits choose it.
fn bucket(value: u64) -> usize {
    if value < PER_DOUBLING {
        return value as usize;
    }
    let doubling = value.ilog2() - SHIFT;
    (u64::from(doubling) * PER_DOUBLING + (value >> doubling)) as usize
}

/// The highest value of a bucket.
fn highest(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * PER_DOUBLING {
        return index;
    }
    let doubling = index / PER_DOUBLING - 1;
    let leading = index - doubling * PER_DOUBLING;
    ((u128::from(leading + 1) << doubling) - 1).min(u128::from(u64::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_ends_close_above_it() {
        let doublings = (0..64).map(|shift| 1_u64 << shift);
        let edges = doublings.flat_map(|value| [value - 1, value, value + 1, value + value / 3]);
        for value in edges.chain(0..5_000).chain([u64::MAX]) {
            let end = highest(bucket(value));
            assert!(end >= value, "{value} lies in a bucket that ends at {end}");
            assert!(end - value <= value / 64, "{value} is told as {end}");
        }
    }

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.99), 0);
        for value in 1..=1_000 {
            histogram.record(value * 1_000);
        }
        assert_eq!(histogram.count(), 1_000);
        for (share, exact) in [(0.0, 1_000), (0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let told = histogram.percentile(share);
            assert!(told >= exact && told <= exact + exact / 64, "{share}: {told}");
        }
    }
}
