//! What is refused when a log is opened, how it is named, and what a repair makes of it.

use crate::small::{FIRST_FRAME, append, data, fill, open, open_at, options, segment};
use proptest::prelude::*;
use trunkline_wal::files::Files;
use trunkline_wal::testing::FakeDisk;
use trunkline_wal::{Lsn, OpenError, Options, StoreId, repair};

/// Bytes of a frame that `fill` writes.
const FRAME: u64 = 28 + 5 + 1000 + 4;

/// A closed log of so many records in batches of one, three of which fill a segment.
fn disk_with(records: u8) -> FakeDisk {
    let disk = FakeDisk::new(3);
    let (wal, ..) = open(disk.clone()).expect("a new disk");
    fill(&wal, records);
    wal.close().expect("nothing failed");
    disk
}

fn refusal(disk: &FakeDisk) -> OpenError {
    open(disk.clone()).err().expect("the log must be refused")
}

fn assert_damaged(disk: &FakeDisk, number: u64, at: u64) {
    match refusal(disk) {
        OpenError::Damaged { file, offset } => assert_eq!((file, offset), (segment(number), at)),
        other => panic!("{other}"),
    }
}

#[test]
fn a_batch_damaged_anywhere_with_one_behind_it_is_named() {
    let disk = disk_with(2);
    for byte in 0..FRAME as usize {
        let at = FIRST_FRAME as usize + byte;
        disk.flip(&segment(1), at, 3);
        assert_damaged(&disk, 1, FIRST_FRAME);
        disk.flip(&segment(1), at, 3);
    }
    assert_eq!(open(disk).unwrap().2.len(), 2);
}

#[test]
fn damage_in_a_full_segment_or_its_header_is_named() {
    let disk = disk_with(5);
    let last_of_first = FIRST_FRAME + 2 * FRAME;
    disk.flip(&segment(1), last_of_first as usize + 500, 0);
    assert_damaged(&disk, 1, last_of_first);
    disk.flip(&segment(1), last_of_first as usize + 500, 0);
    for number in [1, 2] {
        disk.flip(&segment(number), 20, 0);
        assert_damaged(&disk, number, 0);
        disk.flip(&segment(number), 20, 0);
    }
}

#[test]
fn a_torn_end_is_cut_and_reported() {
    let disk = disk_with(2);
    let second = FIRST_FRAME + FRAME;
    disk.flip(&segment(1), second as usize + 900, 0);
    let (wal, recovered, records) = open(disk.clone()).unwrap();
    let torn = recovered.torn.unwrap();
    assert_eq!((torn.file, torn.offset, torn.bytes), (segment(1), second, FRAME));
    assert_eq!(records.len(), 1);
    assert_eq!(append(&wal, b"in its place"), Ok(Lsn(2)));
    drop(wal);
    let (_, recovered, records) = open(disk).unwrap();
    assert_eq!((recovered.torn, records.len()), (None, 2));
}

#[test]
fn a_cut_below_the_checkpoint_is_damage() {
    let disk = disk_with(0);
    let (wal, ..) = open(disk.clone()).unwrap();
    fill(&wal, 2);
    wal.checkpoint(Lsn(2)).unwrap();
    drop(wal);
    let second = FIRST_FRAME + FRAME;
    disk.flip(&segment(1), second as usize, 0);
    assert_damaged(&disk, 1, second);
    let repaired = repair(data(), &disk).unwrap();
    assert_eq!(repaired.lost.unwrap().last, None);
    let (wal, recovered, _) = open(disk).unwrap();
    assert_eq!(recovered.next, Lsn(3), "numbers up to the checkpoint are not given again");
    assert_eq!(append(&wal, b"goes on"), Ok(Lsn(3)));
}

#[test]
fn a_missing_file_is_named() {
    let disk = disk_with(9);
    let checkpoint = data().join("wal/checkpoint");
    for path in [segment(1), segment(2), checkpoint] {
        let bytes = disk.bytes(&path).unwrap();
        disk.take(&path);
        match refusal(&disk) {
            OpenError::Missing { file } => assert_eq!(file, path),
            other => panic!("{other}"),
        }
        disk.put(&path, &bytes);
    }
    assert_eq!(open(disk).unwrap().2.len(), 9);
}

#[test]
fn a_segment_of_another_store_is_refused_and_not_repaired() {
    let disk = disk_with(5);
    let other = FakeDisk::new(4);
    let options = Options { store: Some(StoreId([6; 16])), ..options() };
    let (wal, ..) = open_at(data(), options.clone(), other.clone()).unwrap();
    fill(&wal, 5);
    drop(wal);
    let expected = |error| {
        matches!(error, OpenError::Foreign { file, found: StoreId([6, ..]), expected: StoreId([5, ..]) }
            if file == segment(2))
    };
    disk.put(&segment(2), &other.bytes(&segment(2)).unwrap());
    assert!(expected(refusal(&disk)));
    assert!(expected(repair(data(), &disk).unwrap_err()));
    let whole_store = open_at(data(), options, disk).err().unwrap();
    assert!(matches!(whole_store, OpenError::Foreign { .. }), "{whole_store}");
}

#[test]
fn a_later_version_is_refused_by_its_name() {
    let disk = disk_with(2);
    for (path, length) in [(segment(1), 64), (data().join("wal/checkpoint"), 48)] {
        let bytes = disk.bytes(&path).unwrap();
        let mut later = bytes.clone();
        for slot in [0, 4096] {
            if later[slot] == 0 || (length == 64 && slot > 0) {
                continue;
            }
            later[slot + 8] = 2;
            later[slot + 12..slot + 16].fill(0);
            let crc = crc32c::crc32c(&later[slot..slot + length]);
            later[slot + 12..slot + 16].copy_from_slice(&crc.to_le_bytes());
        }
        disk.put(&path, &later);
        match refusal(&disk) {
            OpenError::Version { file, found: 2, known: 1 } => assert_eq!(file, path),
            other => panic!("{other}"),
        }
        assert!(repair(data(), &disk).is_err());
        disk.put(&path, &bytes);
    }
}

#[test]
fn a_repair_cuts_at_the_damage_and_says_what_is_lost() {
    let disk = disk_with(8);
    let before = disk.bytes(&segment(1)).unwrap();
    disk.flip(&segment(1), (FIRST_FRAME + FRAME) as usize + 30, 0);
    let repaired = repair(data(), &disk).unwrap();
    assert!(matches!(repaired.fault, Some(OpenError::Damaged { .. })));
    let lost = repaired.lost.unwrap();
    // The damaged one and the six behind it, of which the six can still be read.
    assert_eq!((lost.first, lost.last, lost.readable), (Lsn(2), Some(Lsn(8)), 6));
    assert_eq!(repaired.set_aside.len(), 3);
    let aside = disk.bytes(&repaired.set_aside[0]).unwrap();
    assert_eq!(aside.len(), before.len());
    let (wal, recovered, records) = open(disk.clone()).unwrap();
    assert_eq!((records.len(), recovered.next, recovered.torn), (1, Lsn(2), None));
    fill(&wal, 9);
    drop(wal);
    assert_eq!(open(disk).unwrap().2.len(), 10);
}

#[test]
fn a_repair_ends_the_log_before_a_missing_segment() {
    let disk = disk_with(9);
    disk.take(&segment(2));
    let lost = repair(data(), &disk).unwrap().lost.unwrap();
    assert_eq!((lost.first, lost.last, lost.readable), (Lsn(4), Some(Lsn(9)), 3));
    assert_eq!(open(disk).unwrap().2.len(), 3);
}

#[test]
fn a_repair_makes_a_lost_checkpoint_file_anew() {
    let disk = disk_with(9);
    disk.take(&data().join("wal/checkpoint"));
    let repaired = repair(data(), &disk).unwrap();
    assert!(repaired.checkpoint_rebuilt && repaired.fault.is_none() && repaired.lost.is_none());
    assert_eq!(open(disk).unwrap().2.len(), 9);
}

#[test]
fn a_repair_leaves_a_log_in_order_alone_and_an_open_one_too() {
    let disk = disk_with(5);
    let before: Vec<_> = disk.paths().iter().map(|path| disk.bytes(path)).collect();
    let repaired = repair(data(), &disk).unwrap();
    assert!(repaired.fault.is_none() && repaired.set_aside.is_empty());
    assert!(disk.paths().iter().map(|path| disk.bytes(path)).eq(before));
    let _open = open(disk.clone()).unwrap();
    assert!(matches!(repair(data(), &disk), Err(OpenError::Locked { .. })));
}

/// The power goes at every step of a repair, which is then run again.
#[test]
fn an_interrupted_repair_can_be_run_again() {
    let faults: [fn(&FakeDisk); 4] = [
        |disk| disk.flip(&segment(1), (FIRST_FRAME + FRAME) as usize + 30, 0),
        |disk| disk.flip(&segment(2), 9, 0),
        |disk| disk.take(&segment(2)),
        |disk| disk.take(&segment(1)),
    ];
    for (fault, kept) in faults.into_iter().zip([1, 3, 3, 0]) {
        let mut interrupted = true;
        let mut step = 0;
        while interrupted {
            let disk = disk_with(9);
            fault(&disk);
            disk.power_off_in(step);
            interrupted = repair(data(), &disk).is_err();
            disk.restart_after_power_loss();
            repair(data(), &disk).unwrap();
            let (wal, recovered, records) = open(disk.clone()).unwrap();
            assert_eq!((records.len(), recovered.next), (kept, Lsn(kept as u64 + 1)), "{step}");
            fill(&wal, 7);
            drop(wal);
            assert_eq!(open(disk).unwrap().2.len(), kept + 7, "step {step}");
            step += 1;
        }
        assert!(step > 3, "a repair takes steps");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_log_with_any_bytes_for_a_segment_yields_no_invented_record(
        keeps_header in any::<bool>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let disk = disk_with(5);
        let whole = disk.bytes(&segment(2)).unwrap();
        let mut segment_bytes = whole[..if keeps_header { 4096 } else { 0 }].to_vec();
        segment_bytes.extend(bytes);
        segment_bytes.resize(whole.len(), 0);
        disk.put(&segment(2), &segment_bytes);
        match open(disk) {
            Ok((.., records)) => prop_assert_eq!(records.len(), 3),
            Err(refused) => {
                let damaged = matches!(refused, OpenError::Damaged { .. });
                prop_assert!(damaged && !keeps_header, "{refused}");
            }
        }
    }
}

#[test]
fn a_segment_that_was_cut_short_is_damaged() {
    let disk = disk_with(2);
    disk.open(&segment(1)).unwrap().truncate(FIRST_FRAME + FRAME + 10).unwrap();
    assert_damaged(&disk, 1, FIRST_FRAME + FRAME);
    repair(data(), &disk).unwrap();
    assert_eq!(open(disk).unwrap().2.len(), 1);
}
