//! Full disks, and disks that fail.

use std::io::ErrorKind;

use trunkline_backend_embedded::Options;
use trunkline_core::backend::BackendError;
use trunkline_wal::testing::{FakeDisk, Room};

use crate::fixture::{Fixture, data, draft, options, try_open, until, wait};

fn open(disk: &FakeDisk) -> Fixture {
    try_open(disk.clone(), &data(), options()).unwrap()
}

#[test]
fn a_full_disk_refuses_publications_and_nothing_else() {
    let disk = FakeDisk::new(1);
    let fixture = open(&disk);
    fixture.fill("a", &["1", "2"]);
    fixture.fill("cold", &["1"]);
    disk.set_room(Room::CopyOnWrite(0));
    assert_eq!(fixture.publish(draft("a", "3")), Err(BackendError::Full));
    fixture.backend.checkpoint().unwrap();
    assert_eq!(fixture.kept("a"), ["1", "2"]);
    until("it is refused", || fixture.clear("a") == Err(BackendError::Full));
    assert_eq!(fixture.failures.lock().unwrap().len(), 0);
    disk.set_room(Room::Plenty);
    until("there is room again", || fixture.publish(draft("a", "3")).is_ok());
    fixture.backend.checkpoint().unwrap();
    assert_eq!(fixture.kept("a"), ["1", "2", "3"]);
    assert_eq!(fixture.history("a").top.offset, 3, "what was refused has no place");
    drop(fixture);
    assert_eq!(open(&disk).kept("a"), ["1", "2", "3"]);
}

/// The index has no room, the log has: everything goes on, and cold streams are still read.
#[test]
fn an_index_without_room_loses_nothing() {
    let disk = FakeDisk::new(1);
    let options = Options { cache_bytes: 2_000, ..options() };
    let fixture = try_open(disk.clone(), &data(), options.clone()).unwrap();
    for n in 0..10 {
        fixture.fill(&format!("c{n}"), &["1", "2"]);
    }
    disk.set_room(Room::Reserving(0));
    for round in 3..6 {
        for n in 0..10 {
            fixture.fill(&format!("c{n}"), &[&round.to_string()]);
            fixture.publish(draft("large", &"x".repeat(20_000))).unwrap();
        }
        fixture.backend.checkpoint().unwrap();
        for n in 0..10 {
            assert_eq!(fixture.kept(&format!("c{n}")).len(), round);
        }
    }
    drop(fixture);
    let fixture = try_open(disk.clone(), &data(), options.clone()).unwrap();
    for n in 0..10 {
        assert_eq!(fixture.kept(&format!("c{n}")), ["1", "2", "3", "4", "5"]);
    }
    disk.set_room(Room::Plenty);
    fixture.backend.checkpoint().unwrap();
    drop(fixture);
    let fixture = try_open(disk, &data(), options).unwrap();
    assert_eq!(fixture.opened.replayed, 0, "the index has taken everything over");
    assert_eq!(fixture.kept("c9"), ["1", "2", "3", "4", "5"]);
}

#[test]
fn any_other_error_stops_it_and_tells_everyone() {
    for index in [false, true] {
        let disk = FakeDisk::new(1);
        let fixture = open(&disk);
        fixture.fill("a", &["1"]);
        if index {
            disk.fail_flush_in(0, ErrorKind::Other);
            let _ = fixture.backend.checkpoint();
        } else {
            disk.hold();
            let told: Vec<_> = (0..3).map(|_| fixture.begin(draft("a", "2"))).collect();
            disk.wait_until_held();
            disk.fail_flush_in(0, ErrorKind::Other);
            disk.release();
            told.iter().for_each(|told| assert_eq!(wait(told), Err(BackendError::Stopped)));
        }
        until("the failure is told", || !fixture.failures.lock().unwrap().is_empty());
        assert_eq!(fixture.publish(draft("a", "3")), Err(BackendError::Stopped));
        assert_eq!(fixture.publish(draft("new", "3")), Err(BackendError::Stopped));
        assert_eq!(fixture.failures.lock().unwrap().len(), 1);
        drop(fixture);
        disk.restart_after_kill();
        assert_eq!(open(&disk).kept("a")[0], "1");
        disk.restart_after_power_loss();
        assert_eq!(open(&disk).kept("a")[0], "1");
    }
}
