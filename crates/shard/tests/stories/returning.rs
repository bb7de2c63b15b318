//! Users who leave a channel and come back, where the namespace gives them time to.

use serde_json::json;

use trunkline_core::time::Tick;

use crate::support::channels::{HELD_MS, channel};
use crate::support::{Client, Setup, TestNode, eventually};

const ROOM: &str = "held:room";

/// The user of the next join or leave.
#[track_caller]
fn news(client: &mut Client) -> String {
    let push = client.push();
    let (what, info) = match (&push["join"], &push["leave"]) {
        (join, _) if join.is_object() => ("joins", &join["info"]),
        (_, leave) => ("leaves", &leave["info"]),
    };
    format!("{} {what}", info["user"].as_str().expect("a user"))
}

/// A node, and somebody who hears who comes to the room and goes.
fn watched() -> (TestNode, Client) {
    let node = Setup::with_shards(2).start();
    node.node.begin(Tick(0));
    let mut watcher = node.client("watcher");
    watcher.subscribe_with_joins(ROOM);
    assert_eq!(news(&mut watcher), "watcher joins");
    (node, watcher)
}

fn comes(node: &TestNode, shard: usize, user: &str) -> Client {
    let mut client = node.client_on(shard, user);
    client.subscribe(ROOM);
    client
}

#[test]
fn a_page_that_is_loaded_again_is_nobodys_business() {
    let (node, mut watcher) = watched();
    let ann = comes(&node, 0, "ann");
    assert_eq!(news(&mut watcher), "ann joins");
    ann.peer.reset();
    eventually("it is noticed", || node.node.exits_held() == 1);
    assert_eq!(node.presence(&channel(ROOM)).len(), 2, "she may come back");
    let mut ann = comes(&node, 1, "ann");
    assert_eq!(node.node.exits_held(), 0);
    assert_eq!(node.presence(&channel(ROOM)).len(), 2);
    // So does a client that subscribes again over the same connection.
    ann.ask(&json!({"unsubscribe": {"channel": ROOM}}));
    ann.subscribe(ROOM);
    node.node.tick(Tick(10 * HELD_MS));
    node.settle();
    watcher.expect_quiet();
    assert_eq!(node.presence(&channel(ROOM)).len(), 2);
}

#[test]
fn whoever_stays_away_has_left() {
    let (node, mut watcher) = watched();
    drop(comes(&node, 0, "ann"));
    assert_eq!(news(&mut watcher), "ann joins");
    eventually("it is noticed", || node.node.exits_held() == 1);
    node.node.tick(Tick(HELD_MS - 1));
    node.settle();
    watcher.expect_quiet();
    node.node.tick(Tick(HELD_MS));
    assert_eq!(news(&mut watcher), "ann leaves");
    assert_eq!(node.presence(&channel(ROOM)).len(), 1);
}

#[test]
fn a_node_that_ends_leaves_nobody_in_a_channel() {
    let (mut node, watcher) = watched();
    let ann = comes(&node, 1, "ann");
    node.node.stop();
    node.join();
    drop((watcher, ann));
    assert_eq!(node.node.exits_held(), 2);
    assert!(!node.node.awaits_returns(), "there is no other node to come back to");
    node.node.farewell();
    assert_eq!(node.presence(&channel(ROOM)), []);
}
