//! The names of histories.

use std::collections::HashSet;

use trunkline_core::gap::GapReason;

use crate::Subject;
use crate::content::{draft, many_names, passing};
use crate::stage::{Stage, listener};

pub fn reading_defines_an_epoch(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    let read = nodes[0].all("c");
    assert_eq!((read.top.offset, read.publications.len()), (0, 0));
    assert!(!read.top.epoch.is_empty(), "who came before the first publication has a place");
    for node in &nodes {
        assert_eq!(node.top("c"), read.top, "and the same one whoever asks, however often");
    }
    let place = nodes.last().unwrap().place(draft("c", "1"));
    assert_eq!((place.offset, &place.epoch), (1, &read.top.epoch));
    let page = nodes[0].since("c", &read.top);
    assert_eq!((page.recovers(&read.top), page.publications.len()), (Ok(()), 1));
}

pub fn publishing_defines_an_epoch(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    let place = nodes[0].place(draft("c", "1"));
    for node in &nodes {
        assert_eq!(node.top("c"), place);
    }
}

pub fn an_epoch_stays(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let epoch = node.top("c").epoch;
    node.place(draft("c", "1"));
    node.publish(passing("c", "passing"));
    node.remove("c");
    node.place(draft("c", "2"));
    subject.advance(3_600_000);
    node.place(draft("c", "3"));
    let page = node.all("c");
    assert_eq!(page.top.epoch, epoch);
    assert!(page.publications.iter().all(|kept| kept.epoch == epoch));
    let delivered = node.delivered("c", 4);
    assert!(delivered.iter().all(|told| told.offset == 0 || told.epoch == epoch));
}

pub fn another_life_is_another_epoch(subject: &dyn Subject) {
    let stage = Stage::new(subject);
    let node = stage.node();
    let durable = node.backend.guarantees().durable;
    let before = node.place(draft("c", "1"));
    let read = node.top("read");
    let epochs: HashSet<_> = many_names().map(|name| node.top(&name).epoch).collect();
    drop(node);
    let node = stage.node();
    for (name, before) in [("c", &before), ("read", &read)] {
        let page = node.since(name, before);
        let expected = if durable { Ok(()) } else { Err(GapReason::EpochChanged) };
        assert_eq!(page.recovers(before), expected, "{name}");
        assert_eq!(page.top.epoch == before.epoch, durable, "{name}");
    }
    // Names are not used again, not even by another channel: who held one would take it for its own.
    let known = many_names().filter(|name| epochs.contains(&node.top(name).epoch)).count();
    assert_eq!(known, if durable { many_names().count() } else { 0 });
}
