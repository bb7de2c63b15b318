//! The same over TLS.

use trunkline_core::limits::Limits;
use trunkline_telemetry::Refused;
use trunkline_transport::HandoffIo;

use crate::support::channels::channel;
use crate::support::frame;
use crate::support::{Frame, PATIENCE, Peer, Setup, TestNode, eventually};

fn secured(limits: Limits) -> TestNode {
    Setup { tls: true, limits, ..Setup::with_shards(2) }.start()
}

#[test]
fn clients_talk_over_tls() {
    let node = secured(Limits::default());
    let mut clients = [0, 1].map(|shard| node.client_on(shard, "ann"));
    for client in &mut clients {
        client.subscribe("met:hall");
    }
    for n in 0..100 {
        node.publish("met:hall", &n.to_string());
    }
    for client in &mut clients {
        for n in 0..100 {
            assert_eq!(client.publication("met:hall"), n);
        }
        client.expect_quiet();
    }
}

#[test]
fn a_backlog_over_tls_arrives_whole_and_in_order() {
    let node = secured(Limits { outbound_bytes: 64 << 20, ..Limits::default() });
    let mut late = node.client("");
    late.subscribe("plain");
    let text = "x".repeat(60 * 1024);
    for n in 0..200 {
        node.publish("plain", &format!("\"{n} {text}\""));
    }
    node.settle();
    for n in 0..200 {
        let data = late.publication("plain");
        let data = data.as_str().unwrap();
        assert!(data.starts_with(&format!("{n} ")) && data.ends_with(&text));
    }
    node.publish("plain", "0");
    assert_eq!(late.publication("plain"), 0);
    late.expect_quiet();
}

#[test]
fn much_may_be_sent_over_tls_too() {
    let node = secured(Limits::default());
    let mut client = node.client("");
    client.subscribe("plain");
    let text = "x".repeat(60 * 1024);
    let command = serde_json::json!({"publish": {"channel": "plain", "data": text}});
    // Some hundred records at a time, more than are read in one turn.
    let frames: Vec<Vec<u8>> = (0..30).map(|_| client.frame_of(&command).1).collect();
    client.peer.send(&frames.concat());
    let mut heard = 0;
    for _ in 0..60 {
        let message = client.json();
        assert!(message["error"].is_null(), "{message}");
        heard += usize::from(message["push"]["pub"]["data"] == text);
    }
    assert_eq!(heard, 30);
}

#[test]
fn what_came_while_the_node_was_busy_is_read_to_its_end() {
    let node = Setup { tls: true, ..Setup::with_shards(1) }.start();
    let mut client = node.client("");
    // All of it is there at once, so that no event announces the rest. It takes more reads than a
    // connection has in a turn: over TLS one gives a few kilobytes.
    let pings = vec![frame::write(frame::PING, &[b'x'; 100]); 400];
    let paused = node.pause(0);
    client.peer.send_records(&pings);
    drop(paused);
    for _ in &pings {
        assert_eq!(client.frame(), Frame::Pong(vec![b'x'; 100]));
    }
}

#[test]
fn whoever_breaks_off_leaves_nothing_behind() {
    let node = secured(Limits::default());
    for abruptly in [true, false] {
        let mut client = node.client("ann");
        client.subscribe("met:hall");
        assert_eq!(node.presence(&channel("met:hall")).len(), 1);
        if abruptly {
            client.peer.reset();
        } else {
            drop(client);
        }
        node.expect_empty();
        assert_eq!(node.presence(&channel("met:hall")), []);
    }
}

#[test]
fn whoever_does_not_speak_tls_is_refused() {
    let node = secured(Limits { handshake_ms: 5_000, ..Limits::default() });
    let mut plain = Peer::dial(node.address, None);
    plain.send(b"GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = plain.take_rest();
    assert!(!answer.starts_with(b"HTTP"));
    eventually("it is counted", || node.count(|c| c.refused.get(Refused::Tls)) == 1);
    // Nor does somebody who says nothing stay.
    let mut silent = Peer::dial(node.address, None);
    assert_eq!(silent.take_rest(), b"");
    node.expect_empty();
    node.client("").expect_quiet();
}

#[test]
fn a_node_that_ends_says_so_over_tls() {
    let mut node = secured(Limits::default());
    let mut client = node.client("");
    node.node.drain(0);
    assert!(matches!(client.frame(), Frame::Close(3001, _)));
    assert_eq!(client.frame(), Frame::End);
    assert!(!client.peer.was_reset, "it ends with a farewell");
    drop(client);
    node.node.stop();
    node.join();
}

#[test]
fn ordinary_http_is_handed_over_with_its_keys() {
    let node = secured(Limits::default());
    let mut peer = node.dial();
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    peer.send(request);
    let handoff = node.handed_over.recv_timeout(PATIENCE).unwrap();
    assert_eq!(handoff.prefix, request);
    let HandoffIo::TlsTcp(_, tls) = handoff.io else { panic!("TLS was asked for") };
    assert!(!tls.is_handshaking());
}
