//! A client that does not read.

use trunkline_core::limits::Limits;
use trunkline_telemetry::Closed;

use crate::support::channels::channel;
use crate::support::{Client, Frame, Peer, Setup, TestNode, Upgrade, eventually};

/// Publications after which a client that reads none of them must have been given up: 60 MiB.
const ENOUGH: usize = 1000;

/// Subscribes a client with little room for what it does not read.
fn deaf(node: &TestNode, path: &'static str) -> Client {
    let peer = Peer::dial_with_room(node.address, 16 * 1024);
    Client::upgrade(peer, &Upgrade { path, ..Upgrade::default() })
}

/// Publishes until somebody is given up, reading along with `witness`; says how often.
fn publish_until_slow(node: &TestNode, witness: &mut Client) -> usize {
    let text = "x".repeat(60 * 1024);
    for n in 0..ENOUGH {
        if node.count(|c| c.slow_closes.get()) > 0 {
            return n;
        }
        node.publish("met:hall", &format!("\"{n} {text}\""));
        let data = witness.publication("met:hall");
        assert!(data.as_str().is_some_and(|data| data.starts_with(&format!("{n} "))));
        node.settle();
    }
    panic!("nobody was too slow");
}

#[test]
fn a_client_that_does_not_read_is_closed_as_slow_and_nobody_else_suffers() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe_with_joins("met:hall");
    assert_eq!(witness.push()["join"]["info"]["user"], "witness");
    let mut client = deaf(&node, "/connection/websocket");
    client.connect("deaf");
    client.subscribe("met:hall");
    assert_eq!(witness.push()["join"]["info"]["user"], "deaf");

    let published = publish_until_slow(&node, &mut witness);
    assert_eq!(witness.push()["leave"]["info"]["user"], "deaf", "it is gone for the others");
    assert_eq!(node.presence(&channel("met:hall")).len(), 1);
    assert_eq!(node.count(|c| c.slow_closes.get()), 1);
    assert_eq!(node.count(|c| c.disconnects.get(Closed::Slow)), 1);
    node.publish("met:hall", "0");
    assert_eq!(witness.publication("met:hall"), 0);

    // It finds what was on the way, and why there is no more.
    let mut heard = 0;
    loop {
        match client.frame() {
            Frame::Text(text) => {
                assert!(text.contains(&format!("\"data\":\"{heard} ")), "{text:.80}");
                heard += 1;
            }
            Frame::Close(code, words) => {
                assert_eq!((code, words.as_str()), (3008, "slow"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.frame(), Frame::End);
    // What had not left the node was given up: a mebibyte in pieces of 60 KiB.
    assert!(heard + 15 <= published, "{heard} of {published}");
    drop(client);
    eventually("only the witness is left", || node.count(|c| c.connections.get()) == 1);
}

#[test]
fn a_client_that_never_reads_again_is_cut_off() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe("met:hall");
    let mut client = deaf(&node, "/connection/websocket");
    client.connect("deaf");
    client.subscribe("met:hall");
    publish_until_slow(&node, &mut witness);
    eventually("it is cut off", || node.count(|c| c.connections.get()) == 1);
    drop(client);
}

#[test]
fn more_may_be_allowed_to_wait() {
    let waited = [1 << 20, 8 << 20].map(|outbound_bytes| {
        let limits = Limits { outbound_bytes, ..Limits::default() };
        let node = Setup { limits, ..Setup::with_shards(1) }.start();
        let mut witness = node.client("witness");
        witness.subscribe("met:hall");
        let mut client = deaf(&node, "/connection/websocket");
        client.connect("deaf");
        client.subscribe("met:hall");
        publish_until_slow(&node, &mut witness)
    });
    let seven_mebibytes = (7 << 20) / (60 * 1024);
    assert!(waited[1] >= waited[0] + seven_mebibytes / 2, "{waited:?}");
}

#[test]
fn an_event_stream_that_is_not_read_is_ended_too() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe("met:hall");
    let mut peer = Peer::dial_with_room(node.address, 16 * 1024);
    peer.send(b"GET /sse?channels=met:hall HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(peer.take_through("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    peer.take_through("\"subscribe\":{}}\n\n");
    publish_until_slow(&node, &mut witness);
    let rest = String::from_utf8(peer.take_rest()).unwrap();
    let (before, farewell) = rest.rsplit_once("data: ").unwrap();
    assert!(before.ends_with("\n\n"), "the last event is whole");
    assert!(farewell.contains("\"code\":3008") && farewell.ends_with("\n\n"), "{farewell}");
}
