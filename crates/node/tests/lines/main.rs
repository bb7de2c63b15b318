//! How a node keeps up with streams that are kept elsewhere.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod fixture;

use trunkline_core::backend::Backend as _;
use trunkline_core::limits::{LINE_CHECK_MS, LINE_RETRY_MS, LINES_READ_AT_ONCE, LINGER_MS};
use trunkline_core::position::{Epoch, Position};

use fixture::{House, channel};

#[test]
fn what_was_missed_is_read_once_and_handed_on_in_order() {
    let mut house = House::new();
    house.both_listen("c");
    house.publish("c", &1);
    assert_eq!((house.a.heard(), house.b.heard()), ("c:1".into(), "c:1".into()));
    house.cut_b();
    house.publish("c", &2);
    house.publish("c", &3);
    assert_eq!((house.a.heard(), house.b.heard()), ("c:2 c:3".into(), String::new()));
    house.heal_b();
    house.settle();
    assert_eq!((house.b.heard(), house.b.reads()), ("c:2 c:3".into(), 1));
    house.publish("c", &4);
    assert_eq!((house.b.heard(), house.b.reads()), ("c:4".into(), 0));
    assert_eq!(house.a.reads(), 0);
}

#[test]
fn every_channel_is_read_after_an_interruption_but_not_all_at_once() {
    let mut house = House::new();
    let names: Vec<String> = (0..2 * LINES_READ_AT_ONCE + 10).map(|n| format!("c{n}")).collect();
    for name in &names {
        house.both_listen(name);
        house.publish(name, &1);
    }
    house.cut_b();
    house.publish("c7", &2);
    house.a.heard();
    house.b.heard();
    house.heal_b();
    house.settle();
    assert_eq!((house.b.heard(), house.b.reads()), ("c7:2".into(), names.len()));
}

#[test]
fn a_reading_that_fails_is_made_again() {
    let mut house = House::new();
    house.both_listen("c");
    house.publish("c", &1);
    house.cut_b();
    house.publish("c", &2);
    house.b.heard();
    house.heal_b();
    // The subscription is back, and the reading that follows is given up.
    while house.b.reads() == 0 {
        let link = house.broker.links().into_iter().find(|link| house.broker.pending(link) > 0);
        assert!(house.broker.step(&link.unwrap()));
    }
    house.broker.fail_requests(&house.b.id);
    house.settle();
    assert_eq!((house.b.heard(), house.b.reads()), (String::new(), 0), "it is held back");
    house.pass(LINE_RETRY_MS);
    assert_eq!((house.b.heard(), house.b.reads()), ("c:2".into(), 1));
}

#[test]
fn a_fork_is_told_to_those_who_have_seen_it_and_to_no_other_channel() {
    let mut house = House::new();
    for name in ["forked", "whole"] {
        house.both_listen(name);
        house.publish(name, &1);
    }
    house.publish("forked", &2);
    house.a.heard();
    house.broker.roll_back(1);
    house.publish("forked", &"other");
    house.publish("whole", &2);
    assert_eq!(house.a.heard(), "forked:? whole:2");
    assert_eq!(house.a.reads(), 1);
    house.publish("forked", &3);
    assert_eq!(house.a.heard(), "forked:3", "it goes on in the new history");
}

#[test]
fn what_was_lost_last_is_found_without_a_hint() {
    let mut house = House::new();
    house.both_listen("c");
    house.publish("c", &1);
    house.publish("c", &2);
    house.b.heard();
    house.broker.roll_back(1);
    house.pass(LINE_CHECK_MS);
    assert_eq!(house.b.heard(), "c:?", "the stream is not as far as the node is");
    house.b.reads();
    house.pass(LINE_CHECK_MS);
    assert_eq!(house.b.reads(), 0, "nothing has come since");
}

#[test]
fn who_comes_back_within_the_linger_causes_no_traffic() {
    let mut house = House::new();
    house.both_listen("c");
    house.b.lines.unlisten(&channel("c"));
    house.pass(LINGER_MS - 1);
    house.publish("c", &1);
    assert_eq!(house.b.heard(), "c:1", "it is heard for a while");
    house.both_listen("c");
    house.pass(LINGER_MS);
    house.publish("c", &2);
    assert_eq!(house.b.heard(), "c:2");
    house.b.lines.unlisten(&channel("c"));
    house.pass(LINGER_MS);
    house.publish("c", &3);
    assert_eq!(house.b.heard(), "", "it was left");
    let at_start = Position::new(Epoch::default(), 0);
    assert_eq!(house.b.recalls("c", &at_start), None, "and is forgotten");
}

#[test]
fn those_who_come_back_are_served_from_memory_until_it_is_removed() {
    let mut house = House::new();
    house.both_listen("c");
    (1..=5).for_each(|n| house.publish("c", &n));
    let since = Position::new(Epoch::default(), 3);
    assert_eq!(house.b.recalls("c", &since), Some(vec![4, 5]));
    assert_eq!(house.b.reads(), 0);
    house.b.lines.remove_history(&channel("c"), Box::new(|outcome| outcome.unwrap()));
    house.settle();
    assert_eq!(house.b.recalls("c", &since), None);
    house.a.lines.forget(&channel("c"));
    assert_eq!(house.a.recalls("c", &since), None);
    house.publish("c", &6);
    assert_eq!(house.a.heard(), "c:1 c:2 c:3 c:4 c:5 c:6", "numbers go on");
}
