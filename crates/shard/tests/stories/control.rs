//! What an operator or the application asks of connections.

use std::sync::mpsc::channel as pipe;

use trunkline_core::channel::ChannelName;
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
        let surveyed = told.recv_timeout(PATIENCE).expect("an answer").expect("one survey");
        let mut found: Vec<(String, u64)> = surveyed
            .found
            .into_iter()
            .map(|(name, count)| (name.as_str().to_owned(), count))
            .collect();
        found.sort();
        found
    };
    let of = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    };
    assert_eq!(ask("met:*"), of(&[("met:cellar", 1), ("met:hall", 3)]));
    assert_eq!(ask(""), of(&[("met:cellar", 1), ("met:hall", 3), ("plain", 1)]));
}

#[test]
fn a_connection_is_let_go_on_or_expire_from_outside() {
    let node = Setup::with_shards(2).start();
    let mut anns = [0, 1].map(|shard| node.client_on(shard, "ann"));
    let refresh = |expired| {
        let info = Some(bytes::Bytes::from_static(b"{\"name\":\"Ann\"}"));
        let action = Action::Refresh { expired, expires_at: None, info };
        node.node.control(Control { target: everywhere("ann"), action });
        node.settle();
    };
    refresh(false);
    for ann in &mut anns {
        ann.subscribe("met:hall");
    }
    for info in node.presence(&channel("met:hall")) {
        assert_eq!(info.conn_info.as_deref(), Some(&b"{\"name\":\"Ann\"}"[..]));
    }
    refresh(true);
    for ann in &mut anns {
        ann.expect_close(3005);
    }
}

#[test]
fn the_connections_of_a_user_are_found_on_all_shards() {
    let node = Setup::with_shards(2).start();
    let mut clients =
        [(0, "ann"), (1, "ann"), (1, "bob")].map(|(at, user)| node.client_on(at, user));
    clients[0].subscribe("met:hall");
    clients[0].subscribe("plain");
    let ask = |user: &str| {
        let (tell, told) = pipe();
        node.node.connections(UserId::new(user), Box::new(move |found| drop(tell.send(found))));
        let surveyed = told.recv_timeout(PATIENCE).expect("an answer").expect("one survey");
        assert!(surveyed.silent.is_empty());
        surveyed.found
    };
    let found = ask("ann");
    let mut names: Vec<Vec<&str>> = found
        .iter()
        .map(|(_, report)| report.channels.iter().map(ChannelName::as_str).collect())
        .collect();
    names.sort();
    // Connections that came to the wrong shard while the right one was sought have gone, or go.
    names.dedup();
    assert_eq!(names, [vec![], vec!["met:hall", "plain"]]);
    for (holder, report) in &found {
        assert_eq!((holder.as_str(), &*report.protocol), ("test", "plain"));
    }
    let subscribed = found.iter().find(|(_, report)| !report.channels.is_empty());
    let known = node.presence(&channel("met:hall"))[0].client;
    assert_eq!(subscribed.map(|(_, report)| report.client), Some(known));
    assert_eq!(ask("cid"), []);
}
