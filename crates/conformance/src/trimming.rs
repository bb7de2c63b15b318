//! What is no longer kept.

use std::time::Instant;

use trunkline_core::gap::GapReason;
use trunkline_core::namespace::Retention;
use trunkline_core::position::Position;
use trunkline_core::publication::Draft;

use crate::Subject;
use crate::content::{PLENTY, draft, number, offsets};
use crate::stage::{DEADLINE, Node, Stage, listener};

fn kept(node: &Node) -> Vec<u64> {
    offsets(&node.all("c").publications)
}

fn keeping(data: impl Into<bytes::Bytes>, retention: Retention) -> Draft {
    Draft { retention: Some(retention), ..draft("c", data) }
}

pub fn count_bounds_what_is_kept(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let three = Retention { size: 3, ..PLENTY };
    let places: Vec<_> = (1..=150).map(|n| node.place(keeping(number(n), three))).collect();
    assert_eq!(kept(&node), [148, 149, 150], "exactly three, not about three");
    assert_eq!(node.top("c"), places[149]);
    let at = |offset: usize| &places[offset - 1];
    assert_eq!(node.since("c", at(147)).recovers(at(147)), Ok(()));
    assert_eq!(node.since("c", at(146)).recovers(at(146)), Err(GapReason::Trimmed));
    assert_eq!(offsets(&node.since("c", at(10)).publications), [148, 149, 150]);
    let start = Position::new(places[0].epoch.clone(), 0);
    assert_eq!(node.since("c", &start).recovers(&start), Err(GapReason::Trimmed));
    assert_eq!(offsets(&node.delivered("c", 150)), (1..=150).collect::<Vec<_>>());
}

pub fn bytes_bound_what_is_kept(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let little = Retention { bytes: 35_000, ..PLENTY };
    for _ in 0..6 {
        node.place(keeping(vec![b'x'; 10_000], little));
    }
    assert_eq!(kept(&node), [4, 5, 6], "three and what they cost beside their data");
    let place = node.place(keeping(vec![b'x'; 40_000], little));
    assert_eq!(place.offset, 7);
    assert_eq!(kept(&node), [0; 0], "too heavy to be kept at all");
    assert_eq!(node.top("c"), place);
    assert_eq!(node.delivered("c", 7).len(), 7, "and yet delivered");
    node.place(keeping("small", little));
    assert_eq!(kept(&node), [8]);
}

pub fn age_bounds_what_is_kept(subject: &dyn Subject) {
    let node = Stage::new(subject).node();
    let settable = subject.advance(1);
    let ttl_ms = if settable { 60_000 } else { 300 };
    let short = Retention { ttl_ms, ..PLENTY };
    node.place(keeping("1", short));
    let place = node.place(keeping("2", short));
    if settable {
        subject.advance(ttl_ms - 1);
        assert_eq!(kept(&node), [1, 2], "not yet");
        subject.advance(1);
    }
    let end = Instant::now() + DEADLINE;
    while !kept(&node).is_empty() {
        assert!(!settable && Instant::now() < end, "too old, and kept");
        std::thread::yield_now();
    }
    assert_eq!(node.top("c").offset, place.offset, "numbers do not age");
    let next = node.place(keeping("3", PLENTY));
    assert_eq!((next.offset, &next.epoch), (3, &place.epoch));
    assert_eq!(kept(&node), [3]);
}

pub fn the_latest_draft_says_how_much_is_kept(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    for n in 1..=5 {
        node.place(keeping(number(n), PLENTY));
    }
    node.place(keeping("6", Retention { size: 2, ..PLENTY }));
    assert_eq!(kept(&node), [5, 6]);
    node.place(keeping("7", PLENTY));
    assert_eq!(kept(&node), [5, 6, 7]);
}
