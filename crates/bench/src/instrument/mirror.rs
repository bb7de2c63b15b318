//! The floor of durable publications: the same batches, written and flushed, and nothing else.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{BenchError, Doing};
use crate::instrument::histogram::Histogram;
use crate::instrument::interrupt::Interrupt;

/// Bytes after which the file is emptied and begun again, so that no disk is filled.
const FILE: u64 = 1 << 30;

/// What a log was seen to write: so many publications, in so many batches of so many bytes in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batches {
    /// Publications.
    pub(crate) publications: u64,
    /// Batches they were written in, each flushed once.
    pub(crate) batches: u64,
    /// Bytes of these.
    pub(crate) bytes: u64,
}

/// One batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    publications: u64,
    bytes: u64,
}

impl Batches {
    /// The `nth` batch of as many as one likes, from 0: of the mean size, where as many are rounded
    /// up as makes the sums come out even.
    fn nth(&self, nth: u64) -> Batch {
        let share = |total: u64, count: u64| {
            u128::from(total) * u128::from(count) / u128::from(self.batches.max(1))
        };
        let size = |total| (share(total, nth + 1) - share(total, nth)) as u64;
        Batch { publications: size(self.publications), bytes: size(self.bytes) }
    }

    /// Bytes of the largest of them.
    fn largest(&self) -> u64 {
        self.bytes.div_ceil(self.batches.max(1))
    }
}

/// What a disk took.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Publications the batches stand for.
    pub(crate) publications: u64,
    /// Bytes of the batches.
    pub(crate) bytes: u64,
    /// From the first write to the end of the last flush.
    pub(crate) wall: Duration,
    /// Nanoseconds that each batch took.
    pub(crate) latencies: Histogram,
}

/// Appends batches to a new file, one after the other, each flushed before the next.
///
/// # Errors
/// The disk fails, there are no batches to follow, or somebody pressed ^C.
pub(crate) fn follow(
    seen: Batches,
    path: &Path,
    time: Duration,
    interrupt: &Interrupt,
) -> Result<Taken, BenchError> {
    if seen.batches == 0 || seen.largest() > FILE {
        return Err(BenchError::Backend("it wrote no batches that could be repeated".into()));
    }
    let mut file = File::create(path).doing("creating the file of the floor")?;
    let bytes = vec![b'x'; seen.largest() as usize];
    let mut taken =
        Taken { publications: 0, bytes: 0, wall: Duration::ZERO, latencies: Histogram::default() };
    let begun = Instant::now();
    let (mut nth, mut at) = (0, 0);
    while taken.wall < time {
        interrupt.check()?;
        let batch = seen.nth(nth);
        if at + batch.bytes > FILE {
            file = File::create(path).doing("emptying the file of the floor")?;
            at = 0;
        }
        file.write_all(&bytes[..batch.bytes as usize]).doing("writing a batch")?;
        file.sync_data().doing("flushing a batch")?;
        let wall = begun.elapsed();
        taken.latencies.record((wall - taken.wall).as_nanos() as u64);
        taken.wall = wall;
        taken.publications += batch.publications;
        taken.bytes += batch.bytes;
        at += batch.bytes;
        nth += 1;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_batches_are_as_large_and_as_full_as_those_seen() {
        let seen = Batches { publications: 1_000, batches: 7, bytes: 300_001 };
        for round in 0..3 {
            let batches: Vec<Batch> = (round * 7..round * 7 + 7).map(|nth| seen.nth(nth)).collect();
            assert_eq!(batches.iter().map(|batch| batch.publications).sum::<u64>(), 1_000);
            assert_eq!(batches.iter().map(|batch| batch.bytes).sum::<u64>(), 300_001);
            assert!(batches.iter().all(|batch| (142..=143).contains(&batch.publications)));
            assert!(batches.iter().all(|batch| batch.bytes <= seen.largest()));
        }
    }

    #[test]
    fn one_publication_a_batch_is_followed_as_such() {
        let seen = Batches { publications: 50, batches: 50, bytes: 50 * 350 };
        assert_eq!(seen.nth(12_345), Batch { publications: 1, bytes: 350 });
    }

    #[test]
    fn the_disk_takes_whole_batches_one_behind_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let seen = Batches { publications: 400, batches: 4, bytes: 4 * 4_000 };
        let time = Duration::from_millis(20);
        let taken = follow(seen, &path, time, &Interrupt::default()).unwrap();
        assert!(taken.wall >= time);
        assert_eq!(taken.publications, 100 * taken.latencies.count());
        assert_eq!(taken.bytes, 4_000 * taken.latencies.count());
        let written = std::fs::read(&path).unwrap();
        assert_eq!(written.len() as u64, taken.bytes);
        assert!(written.iter().all(|&byte| byte == b'x'));
        let none = Batches { publications: 1, batches: 0, bytes: 0 };
        assert!(follow(none, &path, Duration::ZERO, &Interrupt::default()).is_err());
    }
}
