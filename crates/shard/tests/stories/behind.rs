//! Clients that read a stream too slowly.

use serde_json::{Value, json};

use trunkline_core::limits::Limits;
use trunkline_telemetry::{Closed, Gap};

use crate::support::channels::{BRIEF, channel};
use crate::support::{Client, Frame, Peer, Setup, TestNode, Upgrade, eventually};

/// Far more than a socket takes, in publications of 60 KiB: 12 MiB.
const MANY: u64 = 200;

/// A client with little room for what it does not read.
fn deaf(node: &TestNode, path: &'static str) -> Client {
    let peer = Peer::dial_with_room(node.address, 16 * 1024);
    Client::upgrade(peer, &Upgrade { path, ..Upgrade::default() })
}

fn node(limits: Limits) -> TestNode {
    Setup { limits, ..Setup::with_shards(1) }.start()
}

/// Publishes large publications one after the other, each in a turn of its own.
fn publish(node: &TestNode, name: &str, numbers: impl Iterator<Item = u64>) {
    let text = "x".repeat(60 * 1024);
    for n in numbers {
        node.publish(name, &format!("\"{n} {text}\""));
        node.settle();
    }
}

/// The number a large publication begins with.
#[track_caller]
fn number(push: &Value) -> u64 {
    let data = push["pub"]["data"].as_str().unwrap_or_else(|| panic!("{push:.100}"));
    data.split_once(' ').expect("a number").0.parse().expect("a number")
}

#[track_caller]
fn expect_numbers(client: &mut Client, numbers: impl Iterator<Item = u64>) {
    for n in numbers {
        let push = client.push();
        assert_eq!(number(&push), n);
        assert_eq!(push["pub"]["offset"], n);
    }
}

#[test]
fn a_client_that_stops_reading_and_goes_on_receives_everything_in_order_and_once() {
    let node = node(Limits { outbound_bytes: 256 * 1024, ..Limits::default() });
    let mut client = deaf(&node, "/connection/websocket");
    client.connect("late");
    for name in ["kept:1", "kept:2"] {
        client.subscribe(name);
    }
    let mut witness = node.client("witness");
    witness.subscribe("kept:1");
    publish(&node, "kept:1", 1..=MANY);
    node.publish("kept:2", "1");
    assert!(node.count(|c| c.parked.get()) > 0);
    expect_numbers(&mut witness, 1..=MANY);
    // While it reads, more comes.
    expect_numbers(&mut client, 1..=MANY / 2);
    publish(&node, "kept:1", MANY + 1..=MANY + 2);
    let mut next = MANY / 2 + 1;
    let mut other = 0;
    while next <= MANY + 2 || other == 0 {
        let push = client.push();
        if push["channel"] == "kept:2" {
            other += 1;
        } else {
            assert_eq!(number(&push), next);
            next += 1;
        }
    }
    assert_eq!(other, 1);
    client.expect_quiet();
    node.publish("kept:1", "0");
    assert_eq!(client.publication("kept:1"), 0, "it is live again");
    assert_eq!(node.count(|c| c.slow_closes.get()), 0);
    assert_eq!(node.gaps(), 0);
}

#[test]
fn a_client_that_lags_for_too_long_is_closed_as_slow() {
    let node = node(Limits { outbound_bytes: 256 * 1024, lag_ms: 300, ..Limits::default() });
    let mut client = deaf(&node, "/connection/websocket");
    client.connect("deaf");
    client.subscribe("both:1");
    let mut witness = node.client("witness");
    witness.subscribe("both:1");
    let mut said = 0;
    // No further once it is given up: it has to read its farewell before the node breaks off.
    while said < MANY && node.count(|c| c.slow_closes.get()) == 0 {
        said += 1;
        publish(&node, "both:1", said..=said);
        expect_numbers(&mut witness, said..=said);
    }
    eventually("it is given up", || node.count(|c| c.slow_closes.get()) == 1);
    assert_eq!(node.count(|c| c.disconnects.get(Closed::Slow)), 1);
    assert_eq!(node.presence(&channel("both:1")).len(), 1);
    // It finds what was on the way, and why there is no more.
    let mut heard = 0;
    loop {
        match client.frame() {
            Frame::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                heard += 1;
                assert_eq!(number(&message["push"]), heard);
            }
            Frame::Close(code, words) => {
                assert_eq!((code, words.as_str()), (3008, "slow"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(heard < said);
    drop(client);
    eventually("only the witness is left", || node.count(|c| c.connections.get()) == 1);
}

#[test]
fn what_was_dropped_from_the_stream_meanwhile_is_a_gap() {
    let node = node(Limits { outbound_bytes: 256 * 1024, ..Limits::default() });
    let mut client = deaf(&node, "/connection/websocket");
    client.connect("late");
    client.subscribe("brief:1");
    let mut plain = deaf(&node, "/ws?channels=brief:1");
    while !plain.text().contains("\"subscribe\"") {}
    publish(&node, "brief:1", 1..=MANY);
    let mut heard = 0;
    loop {
        let push = client.push();
        if push["unsubscribe"].is_object() {
            assert_eq!(push["unsubscribe"]["code"], 2500);
            break;
        }
        heard += 1;
        assert_eq!(number(&push), heard);
    }
    assert!(heard + (BRIEF as u64) < MANY);
    let mut next = 1;
    loop {
        let message = plain.json();
        if message["gap"].is_object() {
            assert_eq!(message["gap"]["reason"], "trimmed");
            assert_eq!(message["gap"]["offset"], MANY);
            break;
        }
        assert_eq!(number(&message), next);
        next += 1;
    }
    publish(&node, "brief:1", MANY + 1..=MANY + 1);
    assert_eq!(number(&plain.json()), MANY + 1, "it goes on");
    assert_eq!(node.count(|c| c.gaps.get(Gap::Trimmed)), 2);
    assert_eq!(node.count(|c| c.slow_closes.get()), 0);
}

#[test]
fn a_parked_client_may_still_ask() {
    let node = node(Limits { outbound_bytes: 256 * 1024, ..Limits::default() });
    let mut client = deaf(&node, "/connection/websocket");
    client.connect("late");
    client.subscribe("kept:1");
    // All at once, so that far more waits for it than may.
    let paused = node.pause(0);
    let text = "x".repeat(60 * 1024);
    (1..=MANY).for_each(|n| node.publish("kept:1", &format!("\"{n} {text}\"")));
    drop(paused);
    node.settle();
    assert!(node.count(|c| c.parked.get()) > 0);
    let id = client.command(&json!({"presence_stats": {"channel": "both:1"}}));
    let mut next = 1;
    let answered = loop {
        let message = client.json();
        if message["id"] == id {
            break next;
        }
        assert_eq!(number(&message["push"]), next);
        next += 1;
    };
    assert!(answered < MANY, "the answer does not wait for the stream");
    expect_numbers(&mut client, next..=MANY);
    client.expect_quiet();
}

#[test]
fn whoever_leaves_while_parked_leaves_nothing() {
    let node = node(Limits { outbound_bytes: 256 * 1024, ..Limits::default() });
    let mut clients = [0, 1].map(|_| deaf(&node, "/connection/websocket"));
    for client in &mut clients {
        client.connect("late");
        client.subscribe("both:1");
    }
    publish(&node, "both:1", 1..=MANY);
    eventually("both are parked", || node.count(|c| c.parked.get()) >= 2);
    let [first, mut second] = clients;
    first.peer.reset();
    eventually("it is gone", || node.presence(&channel("both:1")).len() == 1);
    let id = second.command(&json!({"unsubscribe": {"channel": "both:1"}}));
    while second.json()["id"] != id {}
    assert_eq!(node.node.channel_count(), 0);
    publish(&node, "both:1", MANY + 1..=MANY + 2);
    second.expect_quiet();
    drop(second);
    node.expect_empty();
}
