//! Drafts with an idempotency key are published once.

use trunkline_core::limits::IDEMPOTENCY_TTL_MS;
use trunkline_core::publication::Draft;

use crate::Subject;
use crate::content::{keyed, passing, texts};
use crate::stage::{Stage, listener};

pub fn a_second_draft_with_the_same_key_is_the_first_one(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let first = node.publish(keyed("c", "1", "k"));
    node.publish(keyed("c", "2", "other"));
    let second = node.publish(keyed("c", "3", "k"));
    assert!(!first.duplicate && second.duplicate);
    assert_eq!(second.position, first.position, "the first one's place, to the tag");
    assert_eq!(texts(&node.all("c").publications), ["1", "2"]);
    let notes = node.settled(&node);
    assert_eq!(texts(&notes.publications(&crate::content::channel("c"))), ["1", "2"]);
}

pub fn keys_are_of_one_channel(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    let odd = ["k", "", "a:b", "\u{1f511} \r\n", &"x".repeat(128)].map(str::to_owned);
    for key in &odd {
        for name in ["c", "d", "c:d"] {
            assert!(!node.publish(keyed(name, "1", key)).duplicate, "{name}, {key:?}");
            assert!(node.publish(keyed(name, "1", key)).duplicate, "{name}, {key:?}");
        }
    }
    for name in crate::content::many_names() {
        assert!(!node.publish(keyed(&name, "1", "k")).duplicate, "{name}");
    }
}

pub fn a_key_holds_after_the_history_is_removed(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    let first = node.publish(keyed("c", "1", "k"));
    node.remove("c");
    let second = node.publish(keyed("c", "2", "k"));
    assert_eq!((second.position, second.duplicate), (first.position, true));
    let page = node.all("c");
    assert_eq!((page.top.offset, page.publications.len()), (1, 0));
}

pub fn a_key_holds_without_history(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let passing = |data| Draft { idempotency_key: Some("k".into()), ..passing("c", data) };
    let outcomes = ["1", "2"].map(|data| node.publish(passing(data)));
    assert_eq!(outcomes.each_ref().map(|published| published.duplicate), [false, true]);
    assert!(outcomes.iter().all(|published| published.position.is_none()));
    let notes = node.settled(&node);
    assert_eq!(texts(&notes.publications(&crate::content::channel("c"))), ["1"]);
}

pub fn a_key_holds_whoever_publishes(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(3);
    let outcomes: Vec<_> = nodes.iter().map(|node| node.publish(keyed("c", "1", "k"))).collect();
    assert!(!outcomes[0].duplicate);
    assert!(outcomes[1..].iter().all(|published| published.duplicate));
    assert!(outcomes.iter().all(|published| published.position == outcomes[0].position));
    assert_eq!(nodes[0].all("c").publications.len(), 1);
}

pub fn a_key_is_forgotten_in_time(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    node.publish(keyed("c", "1", "k"));
    let aged = subject.advance(IDEMPOTENCY_TTL_MS - 1);
    assert!(node.publish(keyed("c", "2", "k")).duplicate, "not yet");
    // Where the clock cannot be set, nobody waits for five minutes: it is remembered still.
    subject.advance(1);
    assert_eq!(node.publish(keyed("c", "3", "k")).duplicate, !aged);
}

pub fn drafts_at_once_with_the_same_key_are_one(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    for round in 0..20 {
        let key = format!("k{round}");
        let begin = |n: usize| nodes[n % nodes.len()].begin(keyed("c", "1", &key));
        let pending: Vec<_> = (0..4).map(begin).collect();
        let outcomes: Vec<_> = pending.into_iter().map(crate::stage::Pending::done).collect();
        let firsts = outcomes.iter().filter(|published| !published.duplicate).count();
        assert_eq!(firsts, 1, "round {round}");
        assert!(outcomes.iter().all(|published| published.position == outcomes[0].position));
        assert_eq!(nodes[0].top("c").offset, round + 1);
    }
}
