//! Room for connections, and nothing left of those that are gone.

use serde_json::json;

use trunkline_core::limits::Limits;
use trunkline_telemetry::Refused;

use crate::support::channels::channel;
use crate::support::random::Random;
use crate::support::{Client, Setup, Upgrade, eventually};

#[test]
fn one_too_many_is_refused_and_there_is_room_again_when_one_leaves() {
    let limits = Limits { connections: 3, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(2) }.start();
    let mut clients: Vec<Client> = (0..3).map(|_| node.client("")).collect();
    let mut refused = node.dial();
    let _ = refused.try_send(Upgrade::default().head().as_bytes());
    assert_eq!(refused.take_rest(), b"");
    assert_eq!(node.count(|c| c.refused.get(Refused::Limit)), 1);
    for client in &mut clients {
        client.expect_quiet();
    }
    for _ in 0..5 {
        drop(clients.pop());
        eventually("one is gone", || node.count(|c| c.connections.get()) == 2);
        clients.push(node.client(""));
    }
    drop(clients);
    node.expect_empty();
    assert_eq!(node.count(|c| c.refused.get(Refused::Limit)), 1);
}

#[test]
fn nothing_is_left_of_a_thousand_clients_that_break_off() {
    let node = Setup::with_shards(2).start();
    let mut random = Random::new();
    let names: Vec<String> = ["plain-", "kept:", "met:", "both:"]
        .iter()
        .flat_map(|kind| (0..20).map(move |n| format!("{kind}{n}")))
        .collect();
    let mut clients = Vec::new();
    for n in 0..1000 {
        let mut client = node.client(&format!("user-{}", n % 300));
        let some: Vec<&String> = (0..3).map(|_| &names[random.below(names.len())]).collect();
        let frames: Vec<Vec<u8>> = some
            .iter()
            .map(|name| client.frame_of(&json!({"subscribe": {"channel": name}})).1)
            .collect();
        client.peer.send(&frames.concat());
        clients.push(client);
    }
    assert_eq!(node.node.user_count(), 300);
    eventually("most are subscribed", || node.count(|c| c.subscriptions.get()) > 2500);
    for client in clients {
        client.peer.reset();
    }
    node.expect_empty();
    for name in &names {
        assert_eq!(node.presence(&channel(name)), [], "{name}");
    }
    // Their places are good for others.
    let mut client = node.client("late");
    client.subscribe("met:0");
    assert_eq!(node.presence(&channel("met:0")).len(), 1);
}

#[test]
fn one_who_floods_the_node_does_not_keep_others_from_their_turn() {
    let node = Setup::with_shards(1).start();
    let mut flood = node.client("flood");
    let command = json!({"send": {"data": "x".repeat(30_000)}});
    let frames: Vec<Vec<u8>> = (0..30).map(|_| flood.frame_of(&command).1).collect();
    let bytes = frames.concat();
    let mut quiet = node.client("quiet");
    quiet.subscribe("plain");
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| (0..50).for_each(|_| flood.peer.send(&bytes)));
        let mut trips = 0;
        while trips < 20 || !flooding.is_finished() {
            node.publish("plain", &trips.to_string());
            assert_eq!(quiet.publication("plain"), trips);
            trips += 1;
        }
    });
}
