//! Commands that reach a connection another way than over its own socket.

use bytes::Bytes;
use serde_json::json;

use trunkline_core::backend::BackendError;
use trunkline_core::identity::ClientId;
use trunkline_core::limits::Limits;
use trunkline_core::signal::NodeId;

use crate::support::{Client, Setup, TestNode};

/// A client on this shard, and its id.
fn known(node: &TestNode, shard: usize, user: &str) -> (Client, ClientId) {
    let mut client = node.client_on(shard, user);
    client.subscribe("met:known");
    let ids = node.presence(&crate::support::channels::channel("met:known"));
    let mine = ids.iter().find(|info| info.user.as_str() == user).expect("it is there");
    (client, mine.client)
}

fn hand_over(node: &TestNode, client: ClientId, data: &str) {
    let here = node.node.id.clone();
    let data = Bytes::copy_from_slice(data.as_bytes());
    node.node.hand_over(&here, client, data).expect("handed over");
}

#[test]
fn a_command_is_carried_out_as_if_it_had_come_over_the_socket() {
    let node = Setup::with_shards(2).start();
    for shard in [0, 1] {
        let user = ["ann", "bob"][shard];
        let (mut client, id) = known(&node, shard, user);
        let commands = "{\"id\":7,\"subscribe\":{\"channel\":\"plain\"}}\n\
                        {\"id\":8,\"publish\":{\"channel\":\"plain\",\"data\":1}}";
        hand_over(&node, id, commands);
        let reply = client.json();
        assert_eq!(reply["id"], 7, "{reply}");
        assert!(reply["subscribe"].is_object(), "{reply}");
        let mut rest = [client.json(), client.json()];
        rest.sort_by_key(|message| message["id"].is_number());
        let [publication, reply] = rest;
        assert_eq!(publication["push"]["pub"]["data"], 1, "{publication}");
        assert_eq!(reply["id"], 8, "{reply}");
        // What it sends itself goes on as before.
        let reply = client.ask(&json!({"unsubscribe": {"channel": "plain"}}));
        assert!(reply["unsubscribe"].is_object(), "{reply}");
        drop(client);
        node.expect_empty();
    }
}

#[test]
fn a_command_for_nobody_is_ignored() {
    let node = Setup::with_shards(2).start();
    let (mut ann, id) = known(&node, 0, "ann");
    hand_over(&node, ClientId(id.0 ^ 1), "{\"id\":7}");
    node.settle();
    ann.expect_quiet();
    let (left, gone) = known(&node, 1, "bob");
    drop(left);
    crate::support::eventually("bob is gone", || node.node.user_count() == 1);
    hand_over(&node, gone, "{\"id\":7}");
    node.settle();
    ann.expect_quiet();
    let elsewhere = NodeId::new("elsewhere");
    let outcome = node.node.hand_over(&elsewhere, id, Bytes::from_static(b"{}"));
    assert_eq!(outcome, Err(BackendError::Unavailable));
}

#[test]
fn what_is_no_command_closes_the_connection_it_was_handed_to() {
    let limits = Limits { message_bytes: 64, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let too_long = format!("{{\"id\":7,\"subscribe\":{{\"channel\":\"{}\"}}}}", "x".repeat(64));
    for data in ["not JSON", "{}\u{0}", &too_long] {
        let (mut client, id) = known(&node, 0, "ann");
        hand_over(&node, id, data);
        client.expect_close(3501);
        drop(client);
        node.expect_empty();
    }
}
