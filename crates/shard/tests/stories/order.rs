//! What reaches a client in which order.

use serde_json::{Value, json};

use trunkline_core::control::{Action, Control, Target};
use trunkline_core::identity::UserId;

use crate::support::channels::channel;
use crate::support::{Client, Setup, TestNode};

/// Sends several commands in one write; says their ids.
fn send_together(client: &mut Client, commands: &[Value]) -> Vec<u32> {
    let (ids, frames): (Vec<u32>, Vec<Vec<u8>>) =
        commands.iter().map(|command| client.frame_of(command)).unzip();
    client.peer.send(&frames.concat());
    ids
}

fn subscribe(channel: &str) -> Value {
    json!({"subscribe": {"channel": channel}})
}

fn unsubscribe(channel: &str) -> Value {
    json!({"unsubscribe": {"channel": channel}})
}

fn publish(channel: &str, data: impl Into<Value>) -> Value {
    json!({"publish": {"channel": channel, "data": data.into()}})
}

/// What a server does to a user's subscription from outside.
fn control(node: &TestNode, user: &str, action: Action) {
    let target = Target { user: UserId::new(user), client: None, except: Vec::new() };
    node.node.control(Control { target, action });
}

fn bring_in(node: &TestNode, user: &str, name: &str) {
    control(node, user, Action::Subscribe { channel: channel(name), info: None, data: None });
}

fn send_out(node: &TestNode, user: &str, name: &str) {
    control(node, user, Action::Unsubscribe { channel: channel(name) });
}

#[test]
fn the_reply_to_subscribe_comes_before_the_first_publication() {
    let node = Setup::with_shards(1).start();
    for channel in ["plain", "kept:1"] {
        let mut client = node.client("");
        let mut commands = vec![subscribe(channel)];
        commands.extend((0..64).map(|n| publish(channel, n)));
        let ids = send_together(&mut client, &commands);
        let messages: Vec<Value> = (0..129).map(|_| client.json()).collect();
        assert_eq!(messages[0]["id"], ids[0], "{}", messages[0]);
        assert!(messages[0]["subscribe"].is_object(), "{}", messages[0]);
        let replies = messages[1..].iter().filter(|m| m["publish"].is_object());
        assert!(replies.map(|m| m["id"].clone()).eq(ids[1..].iter().copied().map(Value::from)));
        let heard = messages.iter().filter_map(|m| m["push"]["pub"]["data"].as_u64());
        assert!(heard.eq(0..64));
        client.expect_quiet();
    }
}

/// Delivery does not wait for the commands behind a publication, nor these for it: a client that
/// unsubscribes in the same breath may miss what it has just said. It never hears anything after the
/// reply to its unsubscribing.
#[test]
fn nothing_of_a_channel_comes_after_the_reply_to_unsubscribe() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("");
    witness.subscribe("plain");
    let mut client = node.client("");
    let commands = [
        subscribe("plain"),
        publish("plain", 1),
        publish("plain", 2),
        unsubscribe("plain"),
        publish("plain", 3),
    ];
    let ids = send_together(&mut client, &commands);
    let mut answered = Vec::new();
    while answered.len() < ids.len() {
        let message = client.json();
        match message["id"].as_u64() {
            Some(id) => {
                assert!(message["error"].is_null(), "{message}");
                answered.push(u32::try_from(id).unwrap());
            }
            None => assert!(!answered.contains(&ids[3]), "too late: {message}"),
        }
    }
    assert_eq!(answered[0], ids[0], "the subscription is answered first");
    answered.sort_unstable();
    assert_eq!(answered, ids, "every command is answered once");
    client.expect_quiet();
    let heard: Vec<Value> = (0..3).map(|_| witness.publication("plain")).collect();
    assert_eq!(heard, [1, 2, 3]);
}

#[test]
fn two_channels_go_their_ways_and_each_keeps_its_order() {
    let node = Setup::with_shards(1).start();
    let mut client = node.client("");
    client.subscribe("left");
    client.subscribe("right");
    let paused = node.pause(0);
    for n in 0..20 {
        node.publish("left", &n.to_string());
        node.publish("right", &n.to_string());
    }
    drop(paused);
    let pushes: Vec<Value> = (0..40).map(|_| client.push()).collect();
    for channel in ["left", "right"] {
        let heard = pushes.iter().filter(|push| push["channel"] == channel);
        assert!(heard.filter_map(|push| push["pub"]["data"].as_u64()).eq(0..20), "{channel}");
    }
    client.expect_quiet();
}

#[test]
fn a_subscription_that_starts_in_the_middle_of_a_turn_hears_only_what_follows() {
    let node = Setup::with_shards(1).start();
    let mut early = node.client("early");
    early.subscribe("plain");
    let mut late = node.client("late");
    let paused = node.pause(0);
    node.publish("plain", "1");
    bring_in(&node, "late", "plain");
    node.publish("plain", "2");
    drop(paused);
    assert_eq!(early.publication("plain"), 1);
    assert_eq!(early.publication("plain"), 2);
    assert!(late.push()["subscribe"].is_object());
    assert_eq!(late.publication("plain"), 2);
    late.expect_quiet();
}

#[test]
fn a_subscription_that_ends_in_the_middle_of_a_turn_hears_what_came_before() {
    let node = Setup::with_shards(1).start();
    let mut staying = node.client("staying");
    staying.subscribe("plain");
    let mut leaving = node.client("leaving");
    leaving.subscribe("plain");
    let paused = node.pause(0);
    node.publish("plain", "1");
    node.publish("plain", "2");
    send_out(&node, "leaving", "plain");
    node.publish("plain", "3");
    drop(paused);
    assert_eq!(leaving.publication("plain"), 1);
    assert_eq!(leaving.publication("plain"), 2);
    assert_eq!(leaving.push()["unsubscribe"]["code"], 2000);
    leaving.expect_quiet();
    let heard: Vec<Value> = (0..3).map(|_| staying.publication("plain")).collect();
    assert_eq!(heard, [1, 2, 3]);
}

#[test]
fn a_subscription_may_end_and_start_again_within_a_turn() {
    for company in [true, false] {
        let node = Setup::with_shards(1).start();
        let mut other = node.client("other");
        if company {
            other.subscribe("plain");
        }
        let mut client = node.client("fickle");
        client.subscribe("plain");
        let paused = node.pause(0);
        for n in [1, 3] {
            node.publish("plain", &n.to_string());
            send_out(&node, "fickle", "plain");
            node.publish("plain", &(n + 1).to_string());
            bring_in(&node, "fickle", "plain");
        }
        node.publish("plain", "5");
        drop(paused);
        for n in [1, 3] {
            assert_eq!(client.publication("plain"), n, "company: {company}");
            assert_eq!(client.push()["unsubscribe"]["code"], 2000);
            assert!(client.push()["subscribe"].is_object());
        }
        assert_eq!(client.publication("plain"), 5);
        client.expect_quiet();
        if company {
            let heard: Vec<Value> = (0..5).map(|_| other.publication("plain")).collect();
            assert_eq!(heard, [1, 2, 3, 4, 5]);
        }
    }
}

#[test]
fn a_client_sent_away_in_the_middle_of_a_turn_hears_what_came_before() {
    let node = Setup::with_shards(1).start();
    let mut client = node.client("guest");
    client.subscribe("plain");
    let paused = node.pause(0);
    node.publish("plain", "1");
    let reason = trunkline_core::error::CloseReason::ForceDisconnect;
    control(&node, "guest", Action::Disconnect(reason));
    node.publish("plain", "2");
    drop(paused);
    assert_eq!(client.publication("plain"), 1);
    client.expect_close(3503);
}
