//! Forgetting the publications of a channel.

use trunkline_core::gap::GapReason;

use crate::Subject;
use crate::content::{draft, offsets};
use crate::stage::{Stage, listener};

pub fn numbers_go_on_after_removal(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let first = node.place(draft("c", "1"));
    let top = node.place(draft("c", "2"));
    node.remove("c");
    let page = node.all("c");
    assert_eq!((&page.top, page.publications.len()), (&top, 0), "it stands where it stood");
    assert_eq!(node.since("c", &top).recovers(&top), Ok(()), "who has seen all missed nothing");
    assert_eq!(node.since("c", &first).recovers(&first), Err(GapReason::Trimmed));
    let next = node.place(draft("c", "3"));
    assert_eq!((next.offset, &next.epoch), (3, &top.epoch));
    let page = node.since("c", &top);
    assert_eq!((page.recovers(&top), offsets(&page.publications)), (Ok(()), vec![3]));
    assert_eq!(offsets(&node.delivered("c", 3)), [1, 2, 3]);
}

pub fn removing_nothing_is_fine(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    node.remove("never");
    assert_eq!(node.top("never").offset, 0);
    node.place(draft("c", "1"));
    node.remove("c");
    node.remove("c");
    assert_eq!(node.place(draft("c", "2")).offset, 2);
    assert_eq!(node.place(draft("never", "1")).offset, 1);
}

pub fn removal_is_seen_by_everyone(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    let last = nodes.last().unwrap();
    nodes[0].place(draft("c", "1"));
    nodes[0].place(draft("d", "1"));
    assert_eq!(last.all("c").publications.len(), 1);
    last.remove("c");
    assert_eq!(nodes[0].all("c").publications, []);
    assert_eq!(nodes[0].all("d").publications.len(), 1, "other channels stay as they are");
    assert_eq!(nodes[0].place(draft("c", "2")).offset, 2);
    assert_eq!(offsets(&last.all("c").publications), [2]);
}
