//! What only some backends promise, held against all of them as they declare it.

use trunkline_core::backend::BackendError;
use trunkline_core::gap::GapReason;
use trunkline_core::publication::Draft;

use crate::Subject;
use crate::content::{assert_same, draft, keyed, number, offsets, somebody};
use crate::stage::Stage;

pub fn what_is_durable_survives_and_what_is_not_does_not(subject: &dyn Subject) {
    let stage = Stage::new(subject);
    let node = stage.node();
    let durable = node.backend.guarantees().durable;
    for n in 1..=20_u64 {
        let tags = vec![("n".into(), n.to_string().into())];
        node.place(Draft { info: Some(somebody()), tags, ..draft("c", number(n)) });
        node.place(draft("removed", number(n)));
    }
    node.remove("removed");
    let last = node.place(draft("removed", "21"));
    let (kept, removed) = (node.all("c"), node.all("removed"));
    drop(node);
    let nodes = stage.nodes(2);
    for node in &nodes {
        let (kept_now, removed_now) = (node.all("c"), node.all("removed"));
        if durable {
            assert_eq!((&kept_now.top, &removed_now.top), (&kept.top, &removed.top));
            assert_same(&kept_now.publications, &kept.publications, "before and after");
            assert_same(&removed_now.publications, &removed.publications, "before and after");
        } else {
            assert_eq!((kept_now.top.offset, removed_now.top.offset), (0, 0));
            assert_ne!(kept_now.top.epoch, kept.top.epoch);
        }
    }
    let next = nodes[0].place(draft("removed", "22"));
    assert_eq!(next.offset, if durable { 22 } else { 1 });
    let page = nodes[0].since("removed", &last);
    if durable {
        assert_eq!((page.recovers(&last), offsets(&page.publications)), (Ok(()), vec![22]));
    } else {
        assert_eq!(page.recovers(&last), Err(GapReason::EpochChanged));
    }
}

pub fn outcomes_survive_with_their_streams(subject: &dyn Subject) {
    let stage = Stage::new(subject);
    let node = stage.node();
    let durable = node.backend.guarantees().durable;
    let first = node.publish(keyed("c", "1", "k"));
    drop(node);
    let node = stage.node();
    let second = node.publish(keyed("c", "2", "k"));
    assert_eq!(second.duplicate, durable);
    assert_eq!(second.position == first.position, durable);
    assert_eq!(node.all("c").publications.len(), 1);
}

pub fn copies_are_waited_for_where_there_are_any(subject: &dyn Subject) {
    let node = Stage::new(subject).node();
    node.listen("c");
    for n in 1..=3_u64 {
        let outcome = node.begin(Draft { replicas: 1, ..keyed("c", number(n), &n.to_string()) });
        match outcome.outcome() {
            Ok(published) => assert_eq!(published.position.unwrap().offset, n),
            Err(BackendError::Unconfirmed) if node.backend.guarantees().replicates => {
                assert_eq!(node.top("c").offset, n, "it was done all the same");
            }
            Err(error) => panic!("asked for a copy: {error}"),
        }
    }
    assert_eq!(offsets(&node.delivered("c", 3)), [1, 2, 3]);
}

pub fn a_fork_is_told_where_there_may_be_one(subject: &dyn Subject) {
    let node = Stage::new(subject).node();
    let places: Vec<_> = (1..=4_u64).map(|n| node.place(draft("c", number(n)))).collect();
    let happened = subject.roll_back(2);
    assert!(node.backend.guarantees().may_fork || !happened, "it was promised not to happen");
    let lost = if happened { 2 } else { 0 };
    let (seen, gone) = places.split_at(4 - lost);
    assert_eq!(node.all("c").publications.len(), seen.len());
    for _ in 0..3 {
        for place in seen {
            assert_eq!(node.since("c", place).recovers(place), Ok(()));
        }
        for place in gone {
            let page = node.since("c", place);
            assert_eq!(page.recovers(place), Err(GapReason::Forked), "it was seen and is gone");
        }
        node.place(draft("c", "another"));
    }
}

pub fn guarantees_do_not_change(subject: &dyn Subject) {
    let stage = Stage::new(subject);
    let guarantees = stage.node().backend.guarantees();
    for node in stage.nodes(2) {
        assert_eq!(node.backend.guarantees(), guarantees);
        node.place(draft("c", "1"));
        assert_eq!(node.backend.guarantees(), guarantees);
    }
}
