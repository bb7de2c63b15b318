//! Messages that cross from one thread to another.

use std::thread;

use serde_json::{Value, json};

use crate::support::{Client, Setup, TestNode};

/// Publications that each of two publishers makes, and how many of them wait for their answers at a
/// time.
const EACH: usize = 500;
const WINDOW: usize = 100;

fn publish_all(mut client: Client, channel: &'static str, name: &'static str) {
    for first in (0..EACH).step_by(WINDOW) {
        let command =
            |n: usize| json!({"publish": {"channel": channel, "data": format!("{name}{n}")}});
        let frames: Vec<Vec<u8>> =
            (first..first + WINDOW).map(|n| client.frame_of(&command(n)).1).collect();
        client.peer.send(&frames.concat());
        for _ in 0..WINDOW {
            assert!(client.json()["publish"].is_object());
        }
    }
}

/// Data and offset of all that two publishers say.
fn hear_all(client: &mut Client) -> Vec<(Value, Value)> {
    let heard = (0..2 * EACH).map(|_| client.push());
    heard.map(|push| (push["pub"]["data"].clone(), push["pub"]["offset"].clone())).collect()
}

#[test]
fn everybody_hears_everything_in_the_same_order() {
    let node = Setup::with_shards(2).start();
    for channel in ["kept:race", "race"] {
        let subscriber = |shard| {
            let mut client = node.client_on(shard, "");
            client.subscribe(channel);
            thread::spawn(move || hear_all(&mut client))
        };
        let subscribers: Vec<_> = [0, 1, 0, 1].into_iter().map(subscriber).collect();
        let publishers = [(0, "a"), (1, "b")].map(|(shard, name)| {
            let client = node.client_on(shard, "");
            thread::spawn(move || publish_all(client, channel, name))
        });
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        let heard: Vec<_> = subscribers.into_iter().map(|s| s.join().unwrap()).collect();
        assert!(heard.iter().all(|other| *other == heard[0]));
        if channel.starts_with("kept:") {
            let offsets = heard[0].iter().map(|(_, offset)| offset.as_u64().unwrap());
            assert!(offsets.eq(1..=2 * EACH as u64));
        }
        for name in ["a", "b"] {
            let said = heard[0].iter().filter_map(|(data, _)| data.as_str());
            let said = said.filter(|text| text.starts_with(name));
            assert!(said.eq((0..EACH).map(|n| format!("{name}{n}"))), "each speaker in order");
        }
    }
}

/// One message, from a client of each shard to clients of both.
fn cross(node: &TestNode) {
    let mut clients = [0, 1].map(|shard| node.client_on(shard, ""));
    for client in &mut clients {
        client.subscribe("plain");
    }
    for from in [0, 1] {
        clients[from].command(&json!({"publish": {"channel": "plain", "data": from}}));
        // The speaker's own answer may come before or after.
        let first = clients[from].json();
        let second = clients[from].json();
        let heard = [first, second]
            .into_iter()
            .find(|m| m["push"].is_object())
            .expect("one of the two is the push");
        assert_eq!(heard["push"]["pub"]["data"], from);
        assert_eq!(clients[1 - from].publication("plain"), from);
    }
}

#[test]
fn a_message_crosses_whether_each_shard_accepts_for_itself() {
    cross(&Setup::with_shards(2).start());
}

#[test]
fn a_message_crosses_or_one_accepts_for_all() {
    let node = Setup { spread: true, ..Setup::with_shards(2) }.start();
    cross(&node);
    node.expect_empty();
    let clients: Vec<Client> = (0..10).map(|_| node.client("")).collect();
    for shard in [0, 1] {
        assert_eq!(node.counters(shard).connections.get(), 5, "connections go round");
    }
    drop(clients);
    node.expect_empty();
}
