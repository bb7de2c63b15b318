//! Delivery before durability.

use trunkline_core::gap::GapReason;
use trunkline_core::publication::Draft;
use trunkline_wal::testing::{FakeDisk, Room};

use crate::fixture::{Fixture, data, draft, keyed, options, try_open, until, wait};

fn early(name: &str, data: &str) -> Draft {
    Draft { early: true, ..draft(name, data) }
}

fn open(disk: &FakeDisk) -> Fixture {
    try_open(disk.clone(), &data(), options()).unwrap()
}

#[test]
fn the_first_waits_for_the_disk_and_the_others_do_not() {
    let disk = FakeDisk::new(1);
    let fixture = open(&disk);
    fixture.history("a");
    disk.hold();
    let first = fixture.begin(early("a", "1"));
    disk.wait_until_held();
    assert_eq!(fixture.delivered(), [""; 0]);
    disk.release();
    wait(&first).unwrap();
    disk.hold();
    let second = fixture.begin(early("a", "2"));
    let third = fixture.begin(Draft { early: true, ..keyed("a", "3", "k") });
    let again = fixture.begin(Draft { early: true, ..keyed("a", "4", "k") });
    assert_eq!(fixture.delivered(), ["1", "2", "3"], "at once");
    assert_eq!(fixture.kept("a"), ["1", "2", "3"]);
    assert!(second.try_recv().is_err() && third.try_recv().is_err(), "not durable yet");
    disk.release();
    assert_eq!(wait(&second).unwrap().position.unwrap().offset, 2);
    let third = wait(&third).unwrap();
    let again = wait(&again).unwrap();
    assert_eq!((again.position, again.duplicate), (third.position, true));
}

/// What was seen and lost is told to those who saw it, and to nobody else.
#[test]
fn a_crash_parts_those_who_saw_more_from_the_others() {
    for checkpoint in [false, true] {
        let disk = FakeDisk::new(1);
        let fixture = open(&disk);
        fixture.publish(early("a", "1")).unwrap();
        let home = fixture.fill("late", &["1"]);
        if checkpoint {
            fixture.backend.checkpoint().unwrap();
        }
        disk.power_off_in(0);
        let lost = fixture.begin(early("a", "lost"));
        wait(&lost).unwrap_err();
        let seen = fixture.last_delivered();
        assert_eq!(seen.offset, 2);
        drop(fixture);
        // Nothing that was not flushed is kept, for once.
        disk.restart_after_power_loss();
        let fixture = open(&disk);
        let page = fixture.since("a", &seen);
        if page.top.offset == 1 {
            assert_eq!(page.recovers(&seen), Err(GapReason::Forked));
        }
        assert_ne!(page.top.epoch, seen.epoch);
        let old = trunkline_core::position::Position { offset: 1, tag: None, ..seen.clone() };
        assert_eq!(fixture.since("a", &old).recovers(&old), Ok(()));
        fixture.publish(early("a", "other")).unwrap();
        fixture.publish(early("a", "more")).unwrap();
        let without_tag = trunkline_core::position::Position { tag: None, ..seen.clone() };
        let page = fixture.since("a", &without_tag);
        if page.top.offset == 3 {
            assert_eq!(page.continues(&without_tag), Err(GapReason::Forked));
        }
        assert_eq!(fixture.since("late", &home).recovers(&home), Ok(()));
        assert_eq!(fixture.history("late").top.epoch, home.epoch, "it never ran ahead");
        // The next start, even after a kill, knows both names.
        let now = fixture.history("a").top;
        drop(fixture);
        let fixture = open(&disk);
        assert_eq!(fixture.since("a", &now).recovers(&now), Ok(()));
        assert_eq!(fixture.since("a", &old).recovers(&old), Ok(()));
    }
}

#[test]
fn a_close_parts_nobody() {
    let disk = FakeDisk::new(1);
    let fixture = open(&disk);
    fixture.publish(early("a", "1")).unwrap();
    fixture.publish(early("a", "2")).unwrap();
    let before = fixture.history("a");
    fixture.close();
    let fixture = open(&disk);
    assert_eq!(fixture.opened.renamed, 0);
    assert_eq!(fixture.history("a"), before);
    // And the first one of this session waits again.
    disk.hold();
    let first = fixture.begin(early("a", "3"));
    disk.wait_until_held();
    assert_eq!(fixture.delivered(), [""; 0]);
    disk.release();
    wait(&first).unwrap();
}

#[test]
fn what_finds_no_room_is_taken_back_and_who_saw_it_is_parted() {
    let disk = FakeDisk::new(1);
    let fixture = open(&disk);
    fixture.publish(early("a", "1")).unwrap();
    let durable = fixture.history("a");
    disk.set_room(Room::CopyOnWrite(0));
    disk.hold();
    let lost: Vec<_> = (0..3).map(|_| fixture.begin(early("a", "lost"))).collect();
    let seen = fixture.history("a").top;
    assert_eq!(seen.offset, 4);
    disk.release();
    assert!(lost.iter().all(|told| wait(told).is_err()));
    let after = fixture.history("a");
    assert_eq!((after.top.offset, &after.publications), (1, &durable.publications));
    assert_eq!(fixture.since("a", &seen).recovers(&seen), Err(GapReason::Forked));
    assert_eq!(fixture.since("a", &durable.top).recovers(&durable.top), Ok(()));
    disk.set_room(Room::Plenty);
    until("there is room again", || fixture.publish(early("a", "2")).is_ok());
    let now = fixture.history("a").top;
    assert_eq!((now.offset, &now.epoch), (2, &after.top.epoch));
    drop(fixture);
    let fixture = open(&disk);
    assert_eq!(fixture.since("a", &now).recovers(&now), Ok(()));
    assert_eq!(fixture.since("a", &seen).recovers(&seen), Err(GapReason::Forked));
}
