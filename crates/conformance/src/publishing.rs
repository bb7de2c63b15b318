//! Giving drafts their place, and delivering them.

use trunkline_core::backend::BackendError;
use trunkline_core::position::{Epoch, Tag};
use trunkline_core::publication::Draft;

use crate::Subject;
use crate::content::{assert_same, draft, number, offsets, passing, texts};
use crate::stage::listener;

pub fn what_is_kept_has_a_place_and_what_is_not_has_none(subject: &dyn Subject) {
    let node = listener(subject, &["kept", "passing"]);
    let kept = node.publish(draft("kept", "1"));
    assert!(!kept.duplicate);
    let place = kept.position.expect("what is kept has a place");
    assert_eq!(place.offset, 1);
    assert!(!place.epoch.is_empty(), "of a history with a name");
    assert!(place.tag.is_some(), "with a proof");
    let passed = node.publish(passing("passing", "1"));
    assert_eq!((passed.position, passed.duplicate), (None, false));
    assert_eq!(node.delivered("kept", 1)[0].position(), place);
    let passed = &node.delivered("passing", 1)[0];
    assert_eq!((&passed.epoch, passed.offset, passed.tag), (&Epoch::default(), 0, Tag::START));
    assert_eq!(node.top("kept"), place);
    assert_eq!(node.all("passing").publications, []);
}

pub fn offsets_count_from_one_in_each_channel(subject: &dyn Subject) {
    let node = listener(subject, &[]);
    for n in 1..=5 {
        for name in ["a", "b", "name:a", "$private#1,2"] {
            assert_eq!(node.place(draft(name, number(n))).offset, n, "{name}");
        }
    }
}

pub fn what_was_acknowledged_is_read_and_was_delivered(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    for n in 1..=20_u64 {
        let place = node.place(draft("c", number(n)));
        let page = node.all("c");
        assert_eq!(page.top, place, "it is the newest");
        assert_eq!(page.publications.last().unwrap().position(), place);
    }
    let delivered = node.delivered("c", 20);
    assert_same(&delivered, &node.all("c").publications, "delivered and kept");
    assert_eq!(texts(&delivered), (1..=20).map(|n| n.to_string()).collect::<Vec<_>>());
}

pub fn what_is_not_kept_leaves_no_trace_in_a_stream(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let place = node.place(draft("c", "1"));
    assert_eq!(node.publish(passing("c", "passing")).position, None);
    let page = node.all("c");
    assert_eq!((page.top, texts(&page.publications)), (place, vec!["1".to_owned()]));
    assert_eq!(node.place(draft("c", "2")).offset, 2);
    let delivered = node.delivered("c", 3);
    let mut told = offsets(&delivered);
    told.sort_unstable();
    assert_eq!(told, [0, 1, 2], "each once");
}

pub fn one_callers_drafts_are_placed_in_the_order_of_its_calls(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    let pending: Vec<_> = (1..=300_u64).map(|n| node.begin(draft("c", number(n)))).collect();
    for (n, pending) in (1..).zip(pending) {
        assert_eq!(pending.done().position.unwrap().offset, n);
    }
    let expected: Vec<_> = (1..=300).map(|n| n.to_string()).collect();
    assert_eq!(texts(&node.delivered("c", 300)), expected);
}

pub fn an_overloaded_sink_refuses(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    node.place(draft("c", "1"));
    node.delivered("c", 1);
    node.heard.set_overloaded(true);
    for refused in [draft("c", "refused"), passing("c", "refused")] {
        assert_eq!(node.begin(refused).outcome(), Err(BackendError::Overloaded));
    }
    assert_eq!(node.all("c").top.offset, 1, "nothing is placed, and history is read all the same");
    node.heard.set_overloaded(false);
    assert_eq!(node.place(draft("c", "2")).offset, 2);
    assert_eq!(texts(&node.delivered("c", 2)), ["1", "2"]);
}

pub fn early_drafts_are_published_like_others(subject: &dyn Subject) {
    let node = listener(subject, &["c"]);
    for n in 1..=5_u64 {
        let early = Draft { early: n % 2 == 0, ..draft("c", number(n)) };
        assert_eq!(node.place(early).offset, n);
    }
    let delivered = node.delivered("c", 5);
    assert_eq!(offsets(&delivered), [1, 2, 3, 4, 5]);
    assert_same(&delivered, &node.all("c").publications, "delivered and kept");
}
