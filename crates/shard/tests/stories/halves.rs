//! Clients that end their side of the connection and still listen.

use serde_json::json;

use crate::support::frame::{self, Frame};
use crate::support::{Client, Peer, Setup, Upgrade, eventually};

#[test]
fn what_was_answered_when_the_end_came_still_arrives() {
    let node = Setup::with_shards(1).start();
    let mut template = node.open();
    let (_, connect) = template.frame_of(&json!({"connect": {"token": "ann"}}));
    let (_, subscribe) = template.frame_of(&json!({"subscribe": {"channel": "met:hall"}}));
    drop(template);
    let mut peer = node.dial();
    let paused = node.pause(0);
    peer.send(&[Upgrade::default().head().into_bytes(), connect, subscribe].concat());
    peer.end_sending();
    drop(paused);
    let mut client = Client::opened(peer);
    assert!(client.json()["connect"].is_object());
    assert!(client.json()["subscribe"].is_object());
    assert_eq!(client.frame(), Frame::End);
    node.expect_empty();
}

#[test]
fn a_refusal_still_arrives() {
    let node = Setup::with_shards(1).start();
    let mut peer = node.dial();
    let paused = node.pause(0);
    peer.send(b"nonsense\r\n\r\n");
    peer.end_sending();
    drop(paused);
    assert!(peer.take_rest().starts_with(b"HTTP/1.1 400 "));
    node.expect_empty();
}

#[test]
fn the_answer_to_a_close_still_arrives() {
    let node = Setup::with_shards(1).start();
    let mut client = node.client("ann");
    let paused = node.pause(0);
    client.peer.send(&frame::write(frame::CLOSE, b"\x03\xe8"));
    client.peer.end_sending();
    drop(paused);
    assert_eq!(client.frame(), Frame::Close(1000, String::new()));
    assert_eq!(client.frame(), Frame::End);
    node.expect_empty();
}

#[test]
fn whoever_leaves_behind_much_that_is_unread_is_gone_all_the_same() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    // Nothing of it is answered, so that only its end can be noticed.
    let command = json!({"send": {"data": "x".repeat(30_000)}});
    for _ in 0..20 {
        let mut client = node.client("talkative");
        let frames: Vec<Vec<u8>> = (0..60).map(|_| client.frame_of(&command).1).collect();
        client.peer.send(&frames.concat());
        client.peer.end_sending();
        assert_eq!(client.frame(), Frame::End);
    }
    eventually("only the witness is left", || node.count(|c| c.connections.get()) == 1);
    witness.expect_quiet();
}

#[test]
fn whoever_comes_as_another_breaks_off_is_not_taken_for_it() {
    let node = Setup::with_shards(1).start();
    let large = format!("\"{}\"", "x".repeat(60 * 1024));
    for _ in 0..300 {
        node.publish("kept:1", &large);
    }
    let mut witness = node.client("witness");
    for _ in 0..5 {
        // One for whom more waits than any socket takes.
        let peer = Peer::dial_with_room(node.address, 16 * 1024);
        let mut deaf = Client::upgrade(peer, &Upgrade::default());
        deaf.connect("deaf");
        let before = node.count(|c| c.bytes_out.get());
        deaf.command(&json!({"history": {"channel": "kept:1", "limit": -1}}));
        eventually("the answer is on its way", || node.count(|c| c.bytes_out.get()) > before);
        // In one turn it breaks off and the next one arrives.
        let paused = node.pause(0);
        deaf.peer.reset();
        let mut peer = node.dial();
        peer.send(Upgrade::default().head().as_bytes());
        drop(paused);
        let mut next = Client::opened(peer);
        next.connect("next");
        next.expect_quiet();
    }
    witness.expect_quiet();
}
