//! Publications that are lost on their way to a shard.

use serde_json::Value;

use trunkline_core::backend::Sink as _;
use trunkline_telemetry::Gap;

use crate::support::channels::{BRIEF, channel};
use crate::support::{Client, Setup, TestNode, Upgrade};

/// Publishes numbers; those for which `lost` says so do not come.
fn publish(node: &TestNode, name: &str, numbers: impl Iterator<Item = u64>, lost: bool) {
    node.way.lose_one_of(u64::from(lost));
    for n in numbers {
        node.publish(name, &n.to_string());
    }
    node.way.lose_one_of(0);
}

#[test]
fn nobody_notices_a_hole_that_history_fills() {
    let node = Setup::with_shards(2).start();
    let mut clients = [0, 0, 1].map(|shard| node.client_on(shard, ""));
    for client in &mut clients {
        client.subscribe("kept:1");
    }
    publish(&node, "kept:1", 1..3, false);
    publish(&node, "kept:1", 3..700, true);
    publish(&node, "kept:1", 700..702, false);
    publish(&node, "kept:1", 702..703, true);
    publish(&node, "kept:1", 703..705, false);
    for client in &mut clients {
        for n in 1..705 {
            let push = client.push();
            assert_eq!(push["pub"]["offset"], n, "{push}");
            assert_eq!(push["pub"]["data"], n, "{push}");
        }
        client.expect_quiet();
    }
    assert_eq!(node.way.lost(), 698);
}

#[test]
fn a_doubt_reaches_those_who_know_more_than_has_come() {
    let node = Setup::with_shards(1).start();
    let mut early = node.client("early");
    early.subscribe("kept:1");
    publish(&node, "kept:1", 1..2, false);
    assert_eq!(early.publication("kept:1"), 1);
    publish(&node, "kept:1", 2..4, true);
    let mut late = node.client("begins behind 3");
    late.subscribe("kept:1");
    publish(&node, "kept:1", 4..6, true);
    // Nothing that comes later gives away what was lost: somebody has to say so, and may say so again.
    for next in [6, 8] {
        node.way.doubt(&channel("kept:1"));
        let before = if next == 6 { 2 } else { 6 };
        for n in before..next {
            assert_eq!(early.publication("kept:1"), n);
        }
        for n in before.max(4)..next {
            assert_eq!(late.publication("kept:1"), n);
        }
        publish(&node, "kept:1", next..next + 2, true);
    }
}

#[test]
fn whoever_missed_too_much_comes_back_or_is_told_why() {
    let node = Setup::with_shards(1).start();
    let mut client = node.client("comes back");
    client.subscribe("brief:1");
    let path = "/ws?channels=brief:1";
    let mut plain = Client::upgrade(node.dial(), &Upgrade { path, ..Upgrade::default() });
    while !plain.text().contains("\"subscribe\"") {}
    let before = BRIEF as u64 + 1;
    publish(&node, "brief:1", 1..=before, true);
    publish(&node, "brief:1", before + 1..=before + 1, false);
    assert_eq!(client.push()["unsubscribe"]["code"], 2500);
    let gap: Value = plain.json();
    assert_eq!(gap["gap"]["reason"], "trimmed", "{gap}");
    assert_eq!(gap["gap"]["offset"], before + 1, "{gap}");
    // The one goes on, the other comes back.
    client.subscribe("brief:1");
    publish(&node, "brief:1", 99..100, false);
    assert_eq!(client.publication("brief:1"), 99);
    assert_eq!(plain.json()["pub"]["data"], 99);
    assert_eq!(node.count(|c| c.gaps.get(Gap::Trimmed)), 2);
    assert_eq!(node.presence(&channel("brief:1")).len(), 2);
}

#[test]
fn what_comes_twice_is_delivered_once() {
    let node = Setup::with_shards(1).start();
    let mut client = node.client("");
    client.subscribe("kept:1");
    publish(&node, "kept:1", 1..4, false);
    node.repeat("kept:1", 2);
    publish(&node, "kept:1", 4..5, false);
    for n in 1..5 {
        assert_eq!(client.publication("kept:1"), n);
    }
    client.expect_quiet();
}
