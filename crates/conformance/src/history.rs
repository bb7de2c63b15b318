//! Reading streams page by page.

use trunkline_core::gap::GapReason;
use trunkline_core::history::HistoryQuery;
use trunkline_core::limits::HISTORY_PAGE_BYTES;
use trunkline_core::position::{Epoch, Position, Tag};

use crate::Subject;
use crate::content::{assert_same, draft, number, offsets};
use crate::stage::{Node, listener};

/// A node with a channel `c` of so many publications.
fn filled(subject: &dyn Subject, count: u64) -> Node {
    let node = listener(subject, &[]);
    (1..=count).for_each(|n| drop(node.place(draft("c", number(n)))));
    node
}

pub fn pages_are_read_forward_and_backward(subject: &dyn Subject) {
    let node = filled(subject, 5);
    let epoch = node.top("c").epoch;
    for (since, limit, reverse, expected) in [
        (None, 10, false, &[1, 2, 3, 4, 5][..]),
        (None, 2, false, &[1, 2]),
        (None, 10, true, &[5, 4, 3, 2, 1]),
        (None, 2, true, &[5, 4]),
        (Some(2), 2, false, &[3, 4]),
        (Some(2), 10, false, &[3, 4, 5]),
        (Some(0), 10, false, &[1, 2, 3, 4, 5]),
        (Some(5), 10, false, &[]),
        (Some(3), 10, true, &[2, 1]),
        (Some(3), 1, true, &[2]),
        (Some(1), 10, true, &[]),
        (Some(0), 10, true, &[]),
        (None, 0, false, &[]),
        (Some(2), 0, false, &[]),
        (None, 0, true, &[]),
    ] {
        let place = since.map(|offset| Position::new(epoch.clone(), offset));
        let page = node.read("c", HistoryQuery { since: place, limit, reverse });
        let asked = format!("since {since:?}, limit {limit}, reverse {reverse}");
        assert_eq!(offsets(&page.publications), expected, "{asked}");
        assert_eq!(page.top.offset, 5, "{asked}");
        assert_eq!(page.top.epoch, epoch, "{asked}");
    }
}

pub fn pages_together_are_the_stream(subject: &dyn Subject) {
    let node = filled(subject, 100);
    let all = node.all("c").publications;
    assert_eq!(offsets(&all), (1..=100).collect::<Vec<_>>());
    for reverse in [false, true] {
        let mut since = None;
        let mut read = Vec::new();
        loop {
            let page = node.read("c", HistoryQuery { since, limit: 7, reverse });
            let Some(last) = page.publications.last() else { break };
            since = Some(last.position());
            read.extend(page.publications);
        }
        if reverse {
            read.reverse();
        }
        assert_same(&read, &all, if reverse { "backward" } else { "forward" });
    }
}

pub fn a_place_beyond_the_top_has_nothing_behind_it(subject: &dyn Subject) {
    let node = filled(subject, 3);
    let top = node.top("c");
    for offset in [4, 99, u64::from(u32::MAX), 1 << 53, u64::MAX] {
        let beyond = Position::new(top.epoch.clone(), offset);
        let page = node.since("c", &beyond);
        assert_eq!(page.publications, [], "{offset}");
        assert_eq!((&page.top, page.anchor), (&top, None), "{offset}");
        assert_eq!(page.recovers(&beyond), Err(GapReason::Forked), "further than it has come");
        let back = HistoryQuery { since: Some(beyond), limit: 10, reverse: true };
        assert_eq!(offsets(&node.read("c", back).publications), [3, 2, 1], "{offset}");
    }
}

pub fn only_the_offset_of_a_place_counts(subject: &dyn Subject) {
    let node = filled(subject, 5);
    let known = Position::new(node.top("c").epoch, 2);
    let expected = node.since("c", &known);
    for place in [
        Position::new(Epoch::new("another"), 2),
        Position::new(Epoch::default(), 2),
        Position { tag: Some(Tag([7; 8])), ..known.clone() },
    ] {
        let page = node.since("c", &place);
        assert_eq!((&page.top, page.anchor), (&expected.top, expected.anchor));
        assert_same(&page.publications, &expected.publications, "whatever the place says");
    }
    let other = Position::new(Epoch::new("another"), 2);
    assert_eq!(node.since("c", &other).recovers(&other), Err(GapReason::EpochChanged));
}

pub fn a_page_weighs_little_but_is_never_empty(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    let half = HISTORY_PAGE_BYTES / 2;
    for weight in [half, half, 4 * half, 10, 10] {
        node.place(draft("c", vec![b'x'; weight]));
    }
    let mut read = Vec::new();
    while read.len() < 5 {
        let since = Position::new(Epoch::default(), read.len() as u64);
        let page = node.since("c", &since);
        let weight: usize = page.publications.iter().map(|kept| kept.data.len()).sum();
        assert!(weight <= HISTORY_PAGE_BYTES || page.publications.len() == 1, "{weight} bytes");
        assert!(!page.publications.is_empty(), "there is more behind {}", read.len());
        read.extend(offsets(&page.publications));
    }
    assert_eq!(read, [1, 2, 3, 4, 5]);
}
