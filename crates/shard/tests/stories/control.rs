//! What an operator or the application asks of connections.

use std::sync::mpsc::channel as pipe;

use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_node::survey::Pattern;

use crate::support::channels::channel;
use crate::support::{Client, PATIENCE, Setup, TestNode, eventually};

fn everywhere(user: &str) -> Target {
    Target { user: UserId::new(user), client: None, except: Vec::new() }
}

fn disconnect() -> Action {
    Action::Disconnect(CloseReason::ForceDisconnect)
}

/// A client and its id.
fn known(node: &TestNode, shard: usize, user: &str) -> (Client, ClientId) {
    let client = node.client_on(shard, user);
    let mut fresh = client;
    fresh.subscribe("met:known");
    let ids = node.presence(&channel("met:known"));
    let id = ids.iter().map(|info| info.client).next().expect("an id");
    fresh.ask(&serde_json::json!({"unsubscribe": {"channel": "met:known"}}));
    eventually("it is gone", || node.presence(&channel("met:known")).is_empty());
    (fresh, id)
}

#[test]
fn a_user_is_sent_away_on_every_shard_and_nobody_else() {
    let node = Setup::with_shards(2).start();
    let mut anns = [0, 1, 1].map(|shard| node.client_on(shard, "ann"));
    let mut others = [(0, "bob"), (1, "")].map(|(shard, user)| node.client_on(shard, user));
    node.node.control(Control { target: everywhere("ann"), action: disconnect() });
    for ann in &mut anns {
        ann.expect_close(3503);
    }
    node.settle();
    for other in &mut others {
        other.expect_quiet();
    }
    node.node.control(Control { target: everywhere(""), action: disconnect() });
    others[1].expect_close(3503);
    node.settle();
    others[0].expect_quiet();
}

#[test]
fn one_connection_may_be_meant_or_spared() {
    let node = Setup::with_shards(2).start();
    let (mut first, first_id) = known(&node, 0, "ann");
    let (mut second, second_id) = known(&node, 1, "ann");
    let (mut third, _) = known(&node, 1, "ann");
    let only = Target { client: Some(first_id), ..everywhere("ann") };
    node.node.control(Control { target: only, action: disconnect() });
    first.expect_close(3503);
    let others = Target { except: vec![second_id], ..everywhere("ann") };
    node.node.control(Control { target: others, action: disconnect() });
    third.expect_close(3503);
    node.settle();
    second.expect_quiet();
}

#[test]
fn a_user_is_subscribed_and_unsubscribed_from_outside() {
    let node = Setup::with_shards(2).start();
    let mut anns = [0, 1].map(|shard| node.client_on(shard, "ann"));
    for name in ["met:hall", "kept:hall"] {
        let action = Action::Subscribe {
            channel: channel(name),
            info: None,
            data: Some(bytes::Bytes::from_static(b"\"welcome\"")),
        };
        node.node.control(Control { target: everywhere("ann"), action });
        for ann in &mut anns {
            let push = ann.push();
            assert_eq!(push["channel"], name);
            assert_eq!(push["subscribe"]["data"], "welcome");
        }
        node.publish(name, "1");
        for ann in &mut anns {
            assert_eq!(ann.publication(name), 1);
        }
        let action = Action::Unsubscribe { channel: channel(name) };
        node.node.control(Control { target: everywhere("ann"), action });
        for ann in &mut anns {
            let push = ann.push();
            assert_eq!(push["unsubscribe"]["code"], 2000, "{push}");
        }
        node.publish(name, "2");
        node.settle();
        for ann in &mut anns {
            ann.expect_quiet();
        }
    }
    assert_eq!(node.node.channel_count(), 0);
}

#[test]
fn channels_are_counted_over_all_shards() {
    let node = Setup::with_shards(2).start();
    let mut clients = [0, 0, 1].map(|shard| node.client_on(shard, ""));
    for client in &mut clients {
        client.subscribe("met:hall");
    }
    clients[0].subscribe("met:cellar");
    clients[2].subscribe("plain");
    let ask = |pattern: &str| {
        let (tell, told) = pipe();
        let done = Box::new(move |found| drop(tell.send(found)));
        node.node.channels(Pattern::new(pattern), done);
        let found = told.recv_timeout(PATIENCE).expect("an answer");
        let mut found: Vec<(String, usize)> =
            found.into_iter().map(|(name, count)| (name.as_str().to_owned(), count)).collect();
        found.sort();
        found
    };
    let of = |pairs: &[(&str, usize)]| -> Vec<(String, usize)> {
        pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    };
    assert_eq!(ask("met:*"), of(&[("met:cellar", 1), ("met:hall", 3)]));
    assert_eq!(ask(""), of(&[("met:cellar", 1), ("met:hall", 3), ("plain", 1)]));
}
