//! The EventSource endpoint.

use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::UserId;
use trunkline_core::limits::Limits;

use crate::support::{Peer, Setup, TestNode, eventually};

/// Asks for a stream and reads its head.
#[track_caller]
fn open(node: &TestNode, query: &str, headers: &str) -> Peer {
    let mut peer = node.dial();
    let request = format!("GET /sse?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    peer.send(request.as_bytes());
    let head = peer.take_through("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
    let connect = peer.take_through("\n\n");
    assert!(connect.contains("\"connect\":"), "{connect}");
    peer
}

/// The id of an event, or nothing, and its data.
#[track_caller]
fn event(peer: &mut Peer) -> (Option<String>, String) {
    let text = peer.take_through("\n\n");
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().map(|value| value.strip_prefix(": ").unwrap_or(value).to_owned())
    };
    (field("id"), field("data").unwrap_or_else(|| panic!("no data in {text:?}")))
}

/// The offset in an id, `epoch.offset~tag`.
#[track_caller]
fn offset(id: Option<String>) -> u64 {
    let id = id.expect("an id");
    let (_, place) = id.rsplit_once('.').expect("a position");
    place.split_once('~').expect("a tag").0.parse().expect("a number")
}

#[test]
fn events_come_with_positions_and_a_reader_comes_back_where_it_was() {
    let node = Setup::with_shards(1).start();
    let mut peer = open(&node, "channels=kept:news", "");
    let (start, subscribed) = event(&mut peer);
    assert!(subscribed.contains("\"subscribe\":"), "{subscribed}");
    assert_eq!(offset(start), 0);
    node.publish("kept:news", "1");
    node.publish("kept:news", "2");
    let (first, data) = event(&mut peer);
    assert!(data.contains("\"data\":1"), "{data}");
    assert!(event(&mut peer).1.contains("\"data\":2"));
    drop(peer);
    node.expect_empty();
    node.publish("kept:news", "3");

    let header = format!("Last-Event-ID: {}\r\n", first.unwrap());
    let mut peer = open(&node, "channels=kept:news", &header);
    assert!(event(&mut peer).1.contains("\"recovered\":true"));
    for n in [2, 3] {
        let (id, data) = event(&mut peer);
        assert!(data.contains(&format!("\"data\":{n}")), "{data}");
        assert_eq!(offset(id), n);
    }
    node.publish("kept:news", "4");
    assert!(event(&mut peer).1.contains("\"data\":4"));

    let mut peer = open(&node, "channels=kept:news", "Last-Event-ID: foreign.7\r\n");
    assert!(event(&mut peer).1.contains("\"was_recovering\":true"));
}

#[test]
fn several_channels_share_a_stream_without_positions() {
    let node = Setup::with_shards(1).start();
    let mut peer = open(&node, "channels=kept:a,b", "Origin: https://example.com\r\n");
    for _ in 0..2 {
        let (id, data) = event(&mut peer);
        assert_eq!(id, None);
        assert!(data.contains("\"subscribe\":"), "{data}");
    }
    node.publish("kept:a", "1");
    assert!(event(&mut peer).1.starts_with("{\"channel\":\"kept:a\""));
    node.publish("b", "1");
    assert!(event(&mut peer).1.starts_with("{\"channel\":\"b\""));
}

#[test]
fn a_quiet_stream_is_kept_alive_by_comments() {
    let limits = Limits { ping_ms: 300, pong_ms: 100, connect_ms: 300, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let mut peer = open(&node, "channels=plain", "");
    event(&mut peer);
    for _ in 0..4 {
        assert_eq!(peer.take_through("\n\n"), ":\n\n");
    }
    node.publish("plain", "1");
    while peer.take_through("\n\n") == ":\n\n" {}
}

#[test]
fn what_a_reader_sends_is_of_no_interest_and_its_end_is() {
    let node = Setup::with_shards(1).start();
    let mut peer = open(&node, "channels=met:hall&token=ann", "");
    event(&mut peer);
    peer.send(b"GET / HTTP/1.1\r\n\r\n");
    node.publish("met:hall", "1");
    assert!(event(&mut peer).1.contains("\"data\":1"));
    drop(peer);
    node.expect_empty();
}

#[test]
fn a_stream_that_is_closed_says_why_and_ends() {
    let node = Setup::with_shards(1).start();
    let mut peer = open(&node, "channels=plain&token=ann", "");
    event(&mut peer);
    let paused = node.pause(0);
    node.publish("plain", "1");
    let target = Target { user: UserId::new("ann"), client: None, except: Vec::new() };
    let action = Action::Disconnect(CloseReason::ForceDisconnect);
    node.node.control(Control { target, action });
    drop(paused);
    assert!(event(&mut peer).1.contains("\"data\":1"));
    assert!(event(&mut peer).1.contains("\"code\":3503"));
    assert_eq!(peer.take_rest(), b"");
    drop(peer);
    eventually("it is gone", || node.count(|c| c.connections.get()) == 0);

    // So does one that is not allowed, with nothing before it.
    let mut peer = node.dial();
    peer.send(b"GET /sse?channels=plain&token=bad HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer.take_through("\r\n\r\n");
    assert!(event(&mut peer).1.contains("\"code\":3500"));
    assert_eq!(peer.take_rest(), b"");
}
