//! Damage at rest: refused, repaired, and never passed off as whole.

use std::fs;
use std::path::Path;

use trunkline_backend_embedded::{Cause, OpenError, repair};
use trunkline_core::gap::GapReason;
use trunkline_core::position::Position;

use crate::fixture::{draft, keyed, open, options, try_open};

fn refused(data: &Path) -> OpenError {
    try_open(trunkline_wal::Disk, data, options()).err().expect("it is refused")
}

/// Changes the byte at the first place where these bytes stand.
fn change(file: &Path, bytes: &[u8]) {
    let mut content = fs::read(file).unwrap();
    let at = content.windows(bytes.len()).position(|there| there == bytes).unwrap();
    content[at] ^= 1;
    fs::write(file, content).unwrap();
}

#[test]
fn nothing_is_done_to_what_is_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.fill("a", &["1"]);
    let before = fixture.history("a");
    assert!(matches!(repair(dir.path(), Cause::Damage), Err(OpenError::Log(_))), "it is in use");
    fixture.close();
    assert!(!repair(dir.path(), Cause::Damage).unwrap().changed);
    assert_eq!(open(dir.path()).history("a"), before);
}

#[test]
fn a_copy_goes_on_under_another_name_however_well_it_looks() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.fill("a", &["1", "2"]);
    let before = fixture.history("a").top;
    fixture.close();
    assert!(repair(dir.path(), Cause::Copy).unwrap().changed);
    let fixture = open(dir.path());
    assert_eq!(fixture.since("a", &before).recovers(&before), Ok(()), "it is all there");
    let after = fixture.history("a");
    assert_eq!((after.publications.len(), after.top.offset), (2, 2));
    assert_ne!(after.top.epoch, before.epoch);
    let beyond = Position::new(before.epoch, 3);
    fixture.fill("a", &["another 3"]);
    assert_eq!(fixture.since("a", &beyond).recovers(&beyond), Err(GapReason::Forked));
}

#[test]
fn damage_in_the_log_is_refused_and_what_is_lost_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.fill("a", &["1", "2"]);
    fixture.fill("other", &["1"]);
    fixture.backend.checkpoint().unwrap();
    fixture.fill("a", &["three"]);
    let early = fixture.history("a").top;
    let unseen = fixture.history("unseen").top;
    fixture.fill("a", &["lost four"]);
    fixture.fill("a", &["five"]);
    let before = fixture.history("a");
    fixture.close();
    // The index holds all of it; only where it does not is anything lost.
    fs::copy(dir.path().join("index.redb"), dir.path().join("copy")).unwrap();
    change(&dir.path().join("wal/00000000000000000001.wal"), b"lost four");
    assert!(refused(dir.path()).to_string().contains("repair"), "{}", refused(dir.path()));
    let repaired = repair(dir.path(), Cause::Damage).unwrap();
    assert!(repaired.changed && repaired.log.lost.is_some());
    let fixture = open(dir.path());
    let after = fixture.history("a");
    assert_eq!(after.publications, before.publications, "the index had it");
    assert_ne!(after.top.epoch, before.top.epoch);
    assert_eq!(fixture.since("a", &early).recovers(&early), Ok(()));
    assert_eq!(fixture.fill("a", &["six"]).offset, 6);
    let restarted = fixture.history("a");
    drop(fixture);
    let fixture = open(dir.path());
    assert_eq!(fixture.history("a"), restarted);
    assert_ne!(fixture.history("unseen").top.epoch, unseen.epoch);
    assert_eq!(fixture.kept("other"), ["1"]);
}

#[test]
fn who_saw_what_a_repair_has_cut_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.fill("a", &["1", "2"]);
    fixture.backend.checkpoint().unwrap();
    let old = fixture.history("a").top;
    fixture.fill("a", &["damaged", "4"]);
    let seen = fixture.history("a").top;
    drop(fixture);
    change(&dir.path().join("wal/00000000000000000001.wal"), b"damaged");
    refused(dir.path());
    repair(dir.path(), Cause::Damage).unwrap();
    let fixture = open(dir.path());
    assert_eq!(fixture.kept("a"), ["1", "2"]);
    fixture.fill("a", &["3", "4", "5"]);
    assert_eq!(fixture.since("a", &old).recovers(&old), Ok(()));
    let blind = Position { tag: None, ..seen };
    assert_eq!(fixture.since("a", &blind).recovers(&blind), Err(GapReason::Forked));
}

#[test]
fn a_lost_index_is_refused_and_replaced_by_what_the_log_holds() {
    for foreign in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = open(dir.path());
        let gone = fixture.fill("gone", &["1"]);
        fixture.fill("half", &["1", "2"]);
        fixture.backend.checkpoint().unwrap();
        fixture.publish(keyed("half", "3", "k")).unwrap();
        let half = fixture.fill("half", &["4"]);
        drop(fixture);
        let index = dir.path().join("index.redb");
        if foreign {
            fs::write(&index, b"this is no index at all").unwrap();
        } else {
            fs::remove_file(&index).unwrap();
        }
        assert!(refused(dir.path()).to_string().contains("index.redb"));
        let repaired = repair(dir.path(), Cause::Damage).unwrap();
        assert!(repaired.index.is_some());
        assert_eq!(repaired.set_aside.len(), usize::from(foreign));
        let fixture = open(dir.path());
        assert_eq!(fixture.since("gone", &gone).recovers(&gone), Err(GapReason::EpochChanged));
        assert_eq!(fixture.since("half", &half).recovers(&half), Ok(()));
        assert_eq!(fixture.kept("half"), ["3", "4"]);
        assert_ne!(fixture.history("half").top.epoch, half.epoch);
        assert!(fixture.publish(keyed("half", "again", "k")).unwrap().duplicate);
        assert_eq!(fixture.fill("half", &["5"]).offset, 5);
    }
}

#[test]
fn a_damaged_block_costs_what_is_in_it_and_before() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.fill("a", &["1", "2"]);
    for n in 0..120 {
        let text = if n == 20 { "damaged".into() } else { n.to_string() };
        let mut large = draft("b", &text);
        large.retention.as_mut().unwrap().size = 200;
        fixture.publish(large).unwrap();
    }
    let top = fixture.history("b").top;
    fixture.close();
    change(&dir.path().join("index.redb"), b"damaged");
    assert!(refused(dir.path()).to_string().contains("index.redb"));
    let repaired = repair(dir.path(), Cause::Damage).unwrap();
    assert_eq!((repaired.damaged_streams, repaired.set_aside.len()), (1, 1));
    let fixture = open(dir.path());
    assert_eq!(fixture.kept("a"), ["1", "2"]);
    let page = fixture.history("b");
    assert!(page.publications.len() > 40 && page.publications[0].offset > 60);
    assert_eq!((page.top.offset, page.top.tag), (top.offset, top.tag));
    assert_eq!(fixture.since("b", &top).recovers(&top), Ok(()));
    assert!(!repair_after(fixture, dir.path()), "nothing is left to repair");
}

fn repair_after(fixture: crate::fixture::Fixture, data: &Path) -> bool {
    drop(fixture);
    repair(data, Cause::Damage).unwrap().changed
}
