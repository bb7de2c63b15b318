//! Streams that leave memory and come back, and those that are forgotten.

use std::sync::atomic::Ordering;

use trunkline_backend_embedded::Options;
use trunkline_core::gap::GapReason;
use trunkline_core::limits::STREAM_IDLE_MS;

use crate::fixture::{draft, keyed, open, options, try_open, wait};

#[test]
fn streams_leave_memory_and_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    // Room for about ten of the hundred streams.
    let options = Options { cache_bytes: 20_000, ..options() };
    let fixture = try_open(trunkline_wal::Disk, dir.path(), options).unwrap();
    let names: Vec<String> = (0..100).map(|n| format!("c{n}")).collect();
    let mut tops = Vec::new();
    for name in &names {
        fixture.fill(name, &["1", "2"]);
        tops.push(fixture.history(name));
        fixture.backend.checkpoint().unwrap();
    }
    for (name, before) in names.iter().zip(&tops) {
        assert_eq!(fixture.history(name), *before, "{name}");
    }
    // What waits while a stream is read is done in order.
    fixture.backend.checkpoint().unwrap();
    let told: Vec<_> = (3..9).map(|n| fixture.begin(draft("c0", &n.to_string()))).collect();
    let offsets = told.iter().map(|told| wait(told).unwrap().position.unwrap().offset);
    assert!(offsets.eq(3..9));
    assert_eq!(fixture.kept("c0"), ["1", "2", "3", "4", "5", "6", "7", "8"]);
    drop(fixture);
    let fixture = open(dir.path());
    assert_eq!(fixture.opened.streams, 100);
    assert_eq!(fixture.kept("c0").len(), 8);
    assert_eq!(fixture.history("c99"), tops[99]);
}

#[test]
fn a_forgotten_stream_comes_back_as_another() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    let never = fixture.history("never").top;
    let published = fixture.fill("a", &["1"]);
    fixture.publish(keyed("b", "1", "k")).unwrap();
    fixture.now.fetch_add(STREAM_IDLE_MS, Ordering::Relaxed);
    let kept = fixture.fill("kept", &["1"]);
    fixture.backend.checkpoint().unwrap();
    fixture.backend.sweep();
    fixture.backend.checkpoint().unwrap();
    let after = fixture.since("a", &published);
    assert_eq!(after.recovers(&published), Err(GapReason::EpochChanged));
    assert_eq!(after.top.offset, 0);
    assert_eq!(fixture.fill("a", &["other"]).epoch, after.top.epoch);
    assert_ne!(fixture.history("never").top.epoch, never.epoch, "names are of a new generation");
    assert_eq!(fixture.history("kept").top, kept);
    let before = fixture.history("a");
    drop(fixture);
    let fixture = open(dir.path());
    assert_eq!(fixture.history("a"), before);
    assert_eq!(fixture.opened.streams, 2);
    assert_eq!(fixture.history("b").top.epoch, before.top.epoch);
}

#[test]
fn what_has_expired_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    let top = fixture.fill("a", &["1", "2"]);
    fixture.backend.checkpoint().unwrap();
    fixture.now.fetch_add(60_000, Ordering::Relaxed);
    fixture.backend.sweep();
    assert_eq!(fixture.kept("a"), [""; 0]);
    assert_eq!(fixture.history("a").top, top);
}
