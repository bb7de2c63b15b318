//! Two nodes and a broker: what clients notice of it.

use std::sync::mpsc::channel as pipe;

use bytes::Bytes;
use serde_json::json;

use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::time::Tick;
use trunkline_model_broker::{Broker, Mode};
use trunkline_node::survey::Pattern;

use crate::support::channels::{HELD_MS, channel};
use crate::support::{PATIENCE, Setup, TestNode, eventually};

/// Two nodes that know each other.
fn two() -> [TestNode; 2] {
    let broker = Broker::new(Mode::AtOnce, 7);
    let nodes = ["a", "b"].map(|id| Setup::among(&broker, id).start());
    for node in &nodes {
        node.node.begin(Tick(0));
    }
    for node in &nodes {
        eventually("they know each other", || node.node.peer_count() == 1);
    }
    nodes
}

/// The connections of a user, as a node finds them: who holds each, and its id.
fn connections(node: &TestNode, user: &str) -> Vec<(String, ClientId)> {
    let (tell, told) = pipe();
    node.node.connections(UserId::new(user), Box::new(move |found| drop(tell.send(found))));
    let surveyed = told.recv_timeout(PATIENCE).expect("an answer").expect("one survey");
    assert!(surveyed.silent.is_empty());
    let found = surveyed.found.into_iter();
    found.map(|(node, report)| (node.to_string(), report.client)).collect()
}

#[test]
fn what_is_asked_of_one_node_is_known_and_done_on_both() {
    let [a, b] = two();
    let mut near = a.client_on(0, "ann");
    let mut far = b.client_on(0, "bob");
    for client in [&mut near, &mut far] {
        client.subscribe("met:hall");
    }
    let (tell, told) = pipe();
    a.node.channels(Pattern::new("met:*"), Box::new(move |found| drop(tell.send(found))));
    let surveyed = told.recv_timeout(PATIENCE).expect("an answer").expect("one survey");
    assert_eq!(surveyed.found[&channel("met:hall")], 2);
    assert_eq!(connections(&a, "bob").iter().map(|(node, _)| node).next().unwrap(), "b");

    let target = Target { user: UserId::new("bob"), client: None, except: Vec::new() };
    let action = Action::Disconnect(CloseReason::ForceDisconnect);
    a.node.control(Control { target, action });
    far.expect_close(3503);
    near.expect_quiet();
}

#[test]
fn a_command_finds_the_node_that_holds_the_connection() {
    let [a, b] = two();
    let mut client = b.client("ann");
    eventually("it is found", || !connections(&a, "ann").is_empty());
    let (holder, id) = connections(&a, "ann").remove(0);
    assert_eq!(holder, "b");
    let command = json!({"id": 7, "subscribe": {"channel": "kept:x"}}).to_string();
    a.node.hand_over(&b.node.id, id, Bytes::from(command)).expect("handed over");
    let reply = client.json();
    assert_eq!(reply["id"], 7, "{reply}");
    a.publish("kept:x", "1");
    assert_eq!(client.publication("kept:x"), 1);
}

#[test]
fn nobody_hears_of_users_that_move_from_a_node_that_ends() {
    let [mut a, b] = two();
    let mut watcher = b.client("watcher");
    watcher.subscribe_with_joins("held:room");
    assert_eq!(watcher.push()["join"]["info"]["user"], "watcher");
    let [mut ann, mut bob] = ["ann", "bob"].map(|user| {
        let mut client = a.client(user);
        client.subscribe("held:room");
        assert_eq!(watcher.push()["join"]["info"]["user"], user);
        client
    });
    a.node.drain(0);
    for client in [&mut ann, &mut bob] {
        client.expect_close(3001);
    }
    eventually("both exits are held back", || a.node.exits_held() == 2);
    let mut ann = b.client("ann");
    ann.subscribe("held:room");
    // The watcher, bob, and ann twice.
    eventually("she is known to be back", || b.presence(&channel("held:room")).len() == 4);
    assert!(a.node.awaits_returns());
    a.node.tick(Tick(HELD_MS));
    assert!(!a.node.awaits_returns());
    // Bob has not come back; of ann there is nothing to tell.
    let push = watcher.push();
    assert_eq!(push["leave"]["info"]["user"], "bob", "{push}");
    a.node.stop();
    a.join();
    a.node.farewell();
    eventually("the others know", || b.node.peer_count() == 0);
    watcher.expect_quiet();
}
