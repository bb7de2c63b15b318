//! How many connections users and addresses may have, and how many subscriptions channels and
//! namespaces.

use serde_json::json;

use trunkline_core::limits::Limits;
use trunkline_core::time::Tick;
use trunkline_model_broker::{Broker, Mode};

use crate::support::channels::FEW;
use crate::support::{Client, Setup, Upgrade, eventually};

#[test]
fn one_connection_more_than_a_user_may_have_is_closed_again() {
    let limits = Limits { connections_per_user: 2, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(2) }.start();
    let mut first = node.client("ann");
    let second = node.client("ann");
    node.client("ann").expect_close(3504);
    first.expect_quiet();
    let mut others = [node.client("bob"), node.client(""), node.client("")];
    others.iter_mut().for_each(Client::expect_quiet);
    let there = node.count(|counters| counters.connections.get());
    drop(second);
    eventually("it has gone", || node.count(|counters| counters.connections.get()) < there);
    node.client("ann").expect_quiet();
}

#[test]
fn a_user_with_one_connection_keeps_the_newest_on_whichever_node() {
    let broker = Broker::new(Mode::AtOnce, 7);
    let limits = Limits { single_connection: true, ..Limits::default() };
    let [a, b] =
        ["a", "b"].map(|id| Setup { limits: limits.clone(), ..Setup::among(&broker, id) }.start());
    for node in [&a, &b] {
        node.node.begin(Tick(0));
    }
    let mut first = a.client("ann");
    let mut other = a.client("bob");
    let mut second = a.client("ann");
    first.expect_close(4501);
    let mut third = b.client("ann");
    second.expect_close(4501);
    third.expect_quiet();
    other.expect_quiet();
}

#[test]
fn an_address_with_too_many_connections_is_refused_until_one_leaves() {
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let (first, _second) = (node.client("ann"), node.client("bob"));
    let ask = || {
        let mut peer = node.dial();
        peer.send(Upgrade::default().head().as_bytes());
        peer.take_through("\r\n")
    };
    assert!(ask().starts_with("HTTP/1.1 429 "));
    drop(first);
    eventually("there is room", || ask().starts_with("HTTP/1.1 101 "));
}

/// Asks for a subscription; `false` if there is no seat for it.
#[track_caller]
fn sits_down(client: &mut Client, channel: &str) -> bool {
    let reply = client.ask(&json!({"subscribe": {"channel": channel}}));
    match &reply["error"] {
        serde_json::Value::Null => true,
        error => {
            assert_eq!(*error, json!({"code": 106, "message": "limit exceeded"}));
            false
        }
    }
}

#[test]
fn channels_and_namespaces_are_full_whichever_shard_is_asked() {
    let node = Setup::with_shards(2).start();
    let [mut here, mut there, mut late] = [0, 1, 0].map(|shard| node.client_on(shard, "ann"));
    assert!(sits_down(&mut here, "few:a") && sits_down(&mut there, "few:a"));
    assert!(!sits_down(&mut late, "few:a"), "the channel is full");
    assert!(sits_down(&mut late, "few:b"));
    assert!(!sits_down(&mut here, "few:c"), "the namespace is full");
    // Who was refused has lost nothing, and those who were not hear what is published.
    late.subscribe("kept:a");
    node.publish("few:a", "1");
    for client in [&mut here, &mut there] {
        assert_eq!(client.publication("few:a"), 1);
    }
    here.ask(&json!({"unsubscribe": {"channel": "few:a"}}));
    assert!(sits_down(&mut late, "few:a"));
    drop(there);
    eventually("those who have gone leave their seats", || sits_down(&mut here, "few:a"));
    drop((here, late));
    node.expect_empty();
}

#[test]
fn of_those_who_come_at_once_as_many_find_a_seat_as_there_are() {
    let node = Setup::with_shards(2).start();
    let mut clients: Vec<Client> = (0..12).map(|at| node.client_on(at % 2, "ann")).collect();
    for round in 0..50 {
        let channel = json!({"channel": format!("few:{round}")});
        let (paused, also) = (node.pause(0), node.pause(1));
        let asked: Vec<u32> = clients
            .iter_mut()
            .map(|client| client.command(&json!({ "subscribe": &channel })))
            .collect();
        drop((paused, also));
        let found: Vec<bool> = clients
            .iter_mut()
            .zip(asked)
            .map(|(client, id)| {
                let reply = client.json();
                assert_eq!(reply["id"], id);
                reply["error"].is_null()
            })
            .collect();
        assert_eq!(found.iter().filter(|found| **found).count(), FEW.0, "in round {round}");
        for (client, _) in clients.iter_mut().zip(&found).filter(|(_, found)| **found) {
            client.ask(&json!({ "unsubscribe": &channel }));
        }
    }
    drop(clients);
    node.expect_empty();
}
