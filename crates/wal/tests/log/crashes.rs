//! Two crashes in a row, at every pair of steps: the second one meets what the first one left in
//! memory only.

use std::io::ErrorKind;

use crate::small::{append, open};
use trunkline_wal::Lsn;
use trunkline_wal::testing::FakeDisk;

/// What ends a run of the program.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The process is killed at a step; memory stays.
    Killed,
    /// A flush fails, which stops the log; memory stays, and may or may not be what is on disk.
    FlushFailed,
    /// The power goes at a step.
    PowerLost,
}

/// Opens, appends over more than a segment, moves the checkpoint, and appends again, until the end
/// comes. Returns the acknowledged records, and whether the end came.
fn run(disk: &FakeDisk, end: End, step: u64, acknowledged: &mut Vec<Lsn>) -> bool {
    match end {
        End::FlushFailed => disk.fail_flush_in(step, ErrorKind::Other),
        End::Killed | End::PowerLost => disk.power_off_in(step),
    }
    let ended = || -> Option<()> {
        let (wal, ..) = open(disk.clone()).ok()?;
        for size in [10, 1000, 1000, 1000] {
            acknowledged.push(append(&wal, &vec![1; size]).ok()?);
        }
        wal.checkpoint(acknowledged[0]).ok()?;
        acknowledged.push(append(&wal, b"last").ok()?);
        wal.checkpoint(acknowledged[3]).ok()
    }()
    .is_none();
    match end {
        End::Killed | End::FlushFailed => disk.restart_after_kill(),
        End::PowerLost => disk.restart_after_power_loss(),
    }
    ended
}

/// Returns once both runs have been ended at every step.
fn crash_twice(seed: u64, first: End, second: End) {
    let mut ended = (true, true);
    for a in 0.. {
        if !ended.0 {
            return;
        }
        ended.1 = true;
        for b in 0.. {
            let disk = FakeDisk::new(seed + 1000 * a + b);
            let mut acknowledged = Vec::new();
            ended.0 = run(&disk, first, a, &mut acknowledged);
            let mut then = Vec::new();
            ended.1 = run(&disk, second, b, &mut then);
            let at = format!("seed {seed}, {first:?} at {a}, {second:?} at {b}");
            let (_, recovered, _) = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
            let last = then.last().or(acknowledged.last()).copied().unwrap_or_default();
            assert!(recovered.next > last, "{at}: {last} was acknowledged, {recovered:?}");
            if !ended.1 {
                break;
            }
        }
    }
}

#[test]
fn a_power_loss_after_a_kill_loses_nothing() {
    (0..3).for_each(|seed| crash_twice(seed, End::Killed, End::PowerLost));
}

#[test]
fn a_power_loss_after_a_failed_flush_loses_nothing() {
    (0..6).for_each(|seed| crash_twice(seed, End::FlushFailed, End::PowerLost));
}

#[test]
fn two_power_losses_lose_nothing() {
    (0..3).for_each(|seed| crash_twice(seed, End::PowerLost, End::PowerLost));
}
