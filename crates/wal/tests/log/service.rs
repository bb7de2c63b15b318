//! What users of an open log see.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::small::{append, begin, data, end, fill, open, open_at, options, segment};
use trunkline_wal::testing::{FakeDisk, Room};
use trunkline_wal::{Disk, Lsn, OpenError, Options, Record, Wal, WalError};

#[test]
fn records_come_back_in_order_with_their_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("made/when/needed");
    let (wal, recovered, records) = open_at(&data, Options::default(), Disk).unwrap();
    assert_eq!((recovered.next, records), (Lsn(1), vec![]));
    let (sender, receiver) = channel();
    let three = [(7, &b"seven"[..]), (8, b""), (255, &[0; 100_000])];
    let records = three.map(|(kind, bytes)| Record { kind, bytes });
    wal.append(&records, Box::new(move |result| sender.send(result).unwrap())).unwrap();
    assert_eq!(end(&receiver), Ok(Lsn(1)));
    assert_eq!(append(&wal, b"after"), Ok(Lsn(4)));
    wal.close().unwrap();

    let (wal, recovered, records) = open_at(&data, Options::default(), Disk).unwrap();
    assert_eq!((recovered.next, recovered.torn), (Lsn(5), None));
    let expected = three.map(|(kind, bytes)| (kind, bytes.to_vec()));
    let expected = expected.into_iter().chain([(1, b"after".to_vec())]);
    assert!(records.into_iter().map(|(_, kind, bytes)| (kind, bytes)).eq(expected));
    assert_eq!(append(&wal, b"on"), Ok(Lsn(5)));
}

#[test]
fn many_threads_append_while_checkpoints_move() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open_at(dir.path(), options(), Disk).unwrap();
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let (wal, seen) = (&wal, &seen);
            scope.spawn(move || {
                for turn in 0..100u8 {
                    let lsn = append(wal, &[thread, turn]).unwrap();
                    seen.lock().unwrap().push((lsn, 1, vec![thread, turn]));
                    if thread == 0 {
                        wal.checkpoint(Lsn(lsn.0 / 2)).unwrap();
                    }
                }
            });
        }
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    assert!(seen.iter().map(|(lsn, ..)| lsn.0).eq(1..=800));
    wal.close().unwrap();
    let (_, recovered, records) = open_at(dir.path(), options(), Disk).unwrap();
    assert!(recovered.checkpoint > Lsn(0));
    assert_eq!(records, seen.split_off(recovered.checkpoint.0 as usize));
}

#[test]
fn what_gathers_during_a_flush_is_one_batch() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    disk.hold();
    let first = begin(&wal, b"alone").unwrap();
    disk.wait_until_held();
    let rest: Vec<_> = (0..50u8).map(|number| begin(&wal, &[number]).unwrap()).collect();
    disk.release();
    assert_eq!(end(&first), Ok(Lsn(1)));
    assert!(rest.iter().map(|append| end(append).unwrap().0).eq(2..=51));
    assert_eq!(wal.progress().batches, 2);
    assert_eq!(wal.progress().durable, Lsn(51));
}

#[test]
fn a_queue_that_is_full_refuses_and_recovers() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    disk.hold();
    let mut waiting = Vec::new();
    let refusal = loop {
        match begin(&wal, &[0; 900]) {
            Ok(append) => waiting.push(append),
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, WalError::Overloaded { queued: 8000.., limit: 10_000 }));
    assert_eq!(waiting.len(), 10);
    disk.release();
    assert!(waiting.iter().all(|append| end(append).is_ok()));
    assert_eq!(append(&wal, &[0; 900]), Ok(Lsn(11)));
}

#[test]
fn what_is_too_large_is_refused_and_costs_nothing() {
    let (wal, ..) = open(FakeDisk::new(1)).unwrap();
    let refused = |records: &[Record<'_>]| {
        wal.append(records, Box::new(|_| panic!("a refused append is not completed"))).unwrap_err()
    };
    let record = |length: usize| Record { kind: 0, bytes: &[0; 2000][..length] };
    let too_large = |size, limit, unit| WalError::TooLarge { size, limit, unit };
    assert_eq!(refused(&[]), WalError::Empty);
    assert_eq!(refused(&[record(1001)]), too_large(1001, 1000, "bytes"));
    assert_eq!(refused(&[record(1000); 3]), too_large(3015, 3000, "bytes"));
    assert_eq!(refused(&[record(0); 101]), too_large(101, 100, "records"));
    assert_eq!(append(&wal, &[0; 1000]), Ok(Lsn(1)));
}

#[test]
fn a_full_disk_refuses_keeps_what_is_there_and_serves_again() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    disk.set_room(Room::Reserving(100));
    fill(&wal, 3);
    assert_eq!(append(&wal, &[9; 1000]), Err(WalError::Full));
    assert_eq!(append(&wal, b"still fits"), Ok(Lsn(4)));
    assert_eq!(wal.failure(), None);
    wal.close().unwrap();

    let (wal, recovered, records) = open(disk.clone()).unwrap();
    assert_eq!((records.len(), recovered.torn), (4, None));
    assert_eq!(append(&wal, &[9; 1000]), Err(WalError::Full));
    disk.set_room(Room::Plenty);
    assert_eq!(append(&wal, &[9; 1000]), Ok(Lsn(5)));
}

/// Else a stream that counts on the first could go on without it.
#[test]
fn what_waits_behind_a_batch_without_room_fails_with_it() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    fill(&wal, 3);
    disk.set_room(Room::Reserving(100));
    disk.hold();
    let large: Vec<_> = (0..4).map(|_| begin(&wal, &[9; 1000]).unwrap()).collect();
    disk.wait_until_held();
    let small = begin(&wal, b"would fit").unwrap();
    disk.release();
    for append in large.iter().chain([&small]) {
        assert_eq!(end(append), Err(WalError::Full));
    }
    assert_eq!(append(&wal, b"still fits"), Ok(Lsn(4)));
}

#[test]
fn a_checkpoint_frees_room_on_a_full_disk() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    fill(&wal, 6);
    disk.set_room(Room::Reserving(0));
    assert_eq!(append(&wal, &[6; 1000]), Err(WalError::Full));
    wal.checkpoint(Lsn(3)).unwrap();
    fill(&wal, 3);
    drop(wal);
    let (_, recovered, records) = open(disk).unwrap();
    assert_eq!((recovered.checkpoint, recovered.next), (Lsn(3), Lsn(10)));
    assert_eq!(records.len(), 6);
}

#[test]
fn room_that_ends_within_a_write_leaves_nothing_of_it() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    for room in [0, 1, 300, 1000] {
        disk.set_room(Room::CopyOnWrite(room));
        assert_eq!(append(&wal, &[1; 990]), Err(WalError::Full));
    }
    disk.restart_after_kill();
    drop(wal);
    disk.set_room(Room::Plenty);
    let (_, recovered, records) = open(disk).unwrap();
    assert_eq!((records, recovered.next), (vec![], Lsn(1)));
    assert_eq!(recovered.torn.unwrap().offset, crate::small::FIRST_FRAME);
}

/// Whatever its reason: also if it is that there is no room.
#[test]
fn a_flush_that_fails_stops_the_log() {
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        let disk = FakeDisk::new(1);
        let told = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&told);
        let on_failure: trunkline_wal::OnFailure = Arc::new(move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
        });
        let options = Options { on_failure: Some(on_failure), ..options() };
        let (wal, ..) = open_at(data(), options, disk.clone()).unwrap();
        fill(&wal, 1);
        disk.fail_flush_in(0, kind);
        disk.hold();
        let first = begin(&wal, b"in the batch that fails").unwrap();
        disk.wait_until_held();
        let second = begin(&wal, b"behind it").unwrap();
        disk.release();
        let failure = end(&first).unwrap_err();
        assert!(matches!(failure, WalError::Failed { .. }), "{failure}");
        assert_eq!(end(&second), Err(failure.clone()));
        assert_eq!(append(&wal, b"later"), Err(failure.clone()));
        assert_eq!(wal.checkpoint(Lsn(1)), Err(failure.clone()));
        assert_eq!(wal.failure(), Some(failure.clone()));
        assert_eq!(told.load(Ordering::Relaxed), 1);
        assert_eq!(wal.close(), Err(failure));
        let (_, _, records) = open(disk).unwrap();
        assert_eq!(records[0], (Lsn(1), 1, vec![0; 1000]));
    }
}

#[test]
fn closing_flushes_and_completes_what_waits() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    disk.hold();
    let waiting: Vec<_> = (0..9u8).map(|number| begin(&wal, &[number; 500]).unwrap()).collect();
    disk.release();
    wal.close().unwrap();
    assert!(waiting.iter().all(|append| append.try_recv().unwrap().is_ok()));
    disk.restart_after_power_loss();
    assert_eq!(open(disk).unwrap().2.len(), 9);
}

#[test]
fn a_directory_is_used_by_one_log_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open_at(dir.path(), options(), Disk).unwrap();
    let refused = open_at(dir.path(), options(), Disk).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    drop(wal);
    open_at(dir.path(), options(), Disk).unwrap();
}

#[test]
fn the_last_handle_may_be_dropped_by_a_completion() {
    let (wal, ..) = open(FakeDisk::new(1)).unwrap();
    let wal = Arc::new(Mutex::new(Some(wal)));
    let (sender, receiver) = channel();
    let within = Arc::clone(&wal);
    let on_durable = Box::new(move |_| {
        drop(within.lock().unwrap().take());
        sender.send(()).unwrap();
    });
    let held = wal.lock().unwrap();
    held.as_ref().unwrap().append(&[Record { kind: 0, bytes: b"" }], on_durable).unwrap();
    drop(held);
    receiver.recv_timeout(Duration::from_secs(20)).expect("the drop must not wait for itself");
}

#[test]
fn a_completion_that_panics_takes_no_other_with_it() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    disk.hold();
    let panicking = Box::new(|_| panic!("on purpose"));
    wal.append(&[Record { kind: 0, bytes: b"" }], panicking).unwrap();
    let beside = begin(&wal, b"beside").unwrap();
    disk.release();
    assert_eq!(end(&beside), Ok(Lsn(2)));
    assert_eq!(append(&wal, b"after"), Ok(Lsn(3)));
}

#[test]
fn a_checkpoint_is_bounded_by_what_is_durable_and_never_goes_back() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    fill(&wal, 8);
    let beyond = WalError::BeyondDurable { lsn: Lsn(9), durable: Lsn(8) };
    assert_eq!(wal.checkpoint(Lsn(9)), Err(beyond));
    wal.checkpoint(Lsn(8)).unwrap();
    wal.checkpoint(Lsn(2)).unwrap();
    drop(wal);
    assert!(disk.bytes(&segment(1)).is_none(), "segments below a checkpoint are freed");
    let (wal, recovered, records) = open(disk).unwrap();
    assert_eq!((recovered.checkpoint, records), (Lsn(8), vec![]));
    assert_eq!(append(&wal, b"goes on"), Ok(Lsn(9)));
}

#[test]
fn steady_use_takes_no_new_room() {
    let disk = FakeDisk::new(1);
    let (wal, ..) = open(disk.clone()).unwrap();
    fill(&wal, 9);
    wal.checkpoint(Lsn(9)).unwrap();
    let files = disk.paths().len();
    disk.set_room(Room::Reserving(0));
    for _ in 0..20 {
        fill(&wal, 3);
        wal.checkpoint(wal.progress().durable).unwrap();
    }
    assert_eq!(disk.paths().len(), files);
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    let fits = options();
    let wrong = [
        Options { segment_bytes: 6000, ..fits.clone() },
        Options { segment_bytes: 2 << 30, ..fits.clone() },
        Options { queue_bytes: 3000, ..fits.clone() },
        Options { batch_records: 0, ..fits },
    ];
    for options in wrong {
        let refused = Wal::open(data(), options, FakeDisk::new(1), &mut |_, _| {}).err().unwrap();
        assert!(matches!(refused, OpenError::Options(_)), "{refused}");
    }
}
