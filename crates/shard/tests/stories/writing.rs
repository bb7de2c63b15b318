//! Bytes out: one write a turn, sockets that are full, compression.

use serde_json::json;

use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::UserId;
use trunkline_core::limits::{HISTORY_PAGE_BYTES, Limits};

use crate::support::channels::channel;
use crate::support::{Client, Peer, Setup, Upgrade, eventually};

/// Room for what a client has not read: much less than these stories send.
const LITTLE_ROOM: usize = 16 * 1024;

const LARGE_BYTES: usize = 60 * 1024;

/// Pages of history that together are almost as much as a turn may gain.
const PAGES: usize = 8;

fn everywhere(user: &str) -> Target {
    Target { user: UserId::new(user), client: None, except: Vec::new() }
}

/// A JSON string that begins with a number.
fn large(n: usize) -> String {
    format!("\"{n} {}\"", "x".repeat(LARGE_BYTES))
}

#[track_caller]
fn expect_large(client: &mut Client, n: usize) {
    let data = client.publication("plain");
    let text = data.as_str().expect("text");
    assert_eq!(
        text.split_once(' ').map(|(number, rest)| (number.parse(), rest.len())),
        Some((Ok(n), LARGE_BYTES))
    );
}

#[test]
fn what_a_turn_gains_leaves_in_one_write() {
    let node = Setup::with_shards(1).start();
    let mut client = node.client("guest");
    for channel in ["left", "right", "plain"] {
        client.subscribe(channel);
    }
    let mut listener = node.client("");
    listener.subscribe("plain");

    let paused = node.pause(0);
    for name in ["more", "even-more"] {
        let action = Action::Subscribe { channel: channel(name), info: None, data: None };
        node.node.control(Control { target: everywhere("guest"), action });
    }
    for n in 0..64 {
        for channel in ["left", "right", "plain"] {
            node.publish(channel, &n.to_string());
        }
    }
    drop(paused);
    // What was written together is received together.
    client.peer.receive();
    let count = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).matches(text).count();
    assert_eq!(count(&client.peer.received, "\"pub\""), 3 * 64);
    assert_eq!(count(&client.peer.received, "\"subscribe\""), 2);
    listener.peer.receive();
    assert_eq!(count(&listener.peer.received, "\"pub\""), 64);
}

#[test]
fn large_publications_reach_a_client_that_reads_later_whole_and_in_order() {
    let limits = Limits { outbound_bytes: 64 << 20, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let peer = Peer::dial_with_room(node.address, LITTLE_ROOM);
    let mut late = Client::upgrade(peer, &Upgrade::default());
    late.connect("");
    late.subscribe("plain");
    let mut prompt = node.client("");
    prompt.subscribe("plain");
    for n in 0..200 {
        node.publish("plain", &large(n));
        expect_large(&mut prompt, n);
    }
    // Something small behind it, and an answer.
    late.command(&json!({"presence_stats": {"channel": "met:hall"}}));
    for n in 0..200 {
        expect_large(&mut late, n);
    }
    assert!(late.json()["presence_stats"].is_object());
    node.publish("plain", "0");
    assert_eq!(late.publication("plain"), 0);
    assert_eq!(node.count(|c| c.slow_closes.get()), 0);
}

#[test]
fn many_small_pieces_reach_a_client_that_reads_later() {
    let limits = Limits { outbound_bytes: 64 << 20, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let peer = Peer::dial_with_room(node.address, LITTLE_ROOM);
    let mut late = Client::upgrade(peer, &Upgrade::default());
    late.connect("");
    let channels: Vec<String> = (0..100).map(|n| format!("channel-{n}")).collect();
    for channel in &channels {
        late.subscribe(channel);
    }
    // More than any socket takes, from more channels than are handed to it at a time.
    for round in 0..20 {
        let paused = node.pause(0);
        for channel in &channels {
            node.publish(channel, &format!("\"{round} {}\"", "y".repeat(4096)));
        }
        drop(paused);
    }
    for round in 0..20 {
        for _ in &channels {
            let push = late.push();
            let data = push["pub"]["data"].as_str().unwrap();
            assert!(data.starts_with(&format!("{round} ")), "rounds follow each other");
        }
    }
    late.expect_quiet();
}

#[test]
fn a_client_sent_away_while_much_waits_for_it_gets_all_of_it_and_the_reason() {
    let limits = Limits { outbound_bytes: 64 * 1024, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    for n in 0..10 {
        node.publish("kept:1", &large(n));
    }
    let peer = Peer::dial_with_room(node.address, LITTLE_ROOM);
    let mut late = Client::upgrade(peer, &Upgrade::default());
    late.connect("guest");
    // What one turn brings may be larger than what may wait, and than what any socket takes.
    let before = node.count(|c| c.bytes_out.get());
    let paused = node.pause(0);
    for _ in 0..PAGES {
        late.command(&json!({"history": {"channel": "kept:1", "limit": -1}}));
    }
    drop(paused);
    eventually("the answer is on its way", || node.count(|c| c.bytes_out.get()) > before);
    let action = Action::Disconnect(CloseReason::ForceDisconnect);
    node.node.control(Control { target: everywhere("guest"), action });
    node.settle();
    for _ in 0..PAGES {
        let answer = late.json();
        let publications = answer["history"]["publications"].as_array().map(Vec::len);
        assert_eq!(publications, Some(HISTORY_PAGE_BYTES / LARGE_BYTES));
    }
    late.expect_close(3503);
    drop(late);
    node.expect_empty();
}

#[test]
fn each_gets_a_publication_as_it_has_agreed_to() {
    let node = Setup { compression: true, ..Setup::with_shards(1) }.start();
    let offers = [
        ("", None),
        (
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            Some("client_no_context_takeover\r\n"),
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n",
            Some("server_max_window_bits=9\r\n"),
        ),
    ];
    let mut clients = offers.map(|(headers, agreed)| {
        let upgrade = Upgrade { headers, ..Upgrade::default() };
        let mut client = Client::upgrade(node.dial(), &upgrade);
        let extensions = client.response.contains("Sec-WebSocket-Extensions");
        assert_eq!(extensions, agreed.is_some());
        assert!(agreed.is_none_or(|agreed| client.response.contains(agreed)));
        client.connect("");
        client.subscribe("plain");
        client
    });
    let text = "a long text that says the same, ".repeat(200);
    let before = node.count(|c| c.bytes_out.get());
    node.publish("plain", &json!(text).to_string());
    for client in &mut clients {
        assert_eq!(client.publication("plain"), text);
    }
    node.settle();
    let sent = usize::try_from(node.count(|c| c.bytes_out.get()) - before).unwrap();
    assert!(
        (text.len()..text.len() * 3 / 2).contains(&sent),
        "two of three were compressed: {sent}"
    );
}
