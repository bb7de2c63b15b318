//! From a request to a connection, a refusal or a hand-over.

use std::io::Read;

use serde_json::json;

use trunkline_core::limits::Limits;
use trunkline_core::rate::{Rate, Rates};
use trunkline_telemetry::{Refused, UpgradeFailure};
use trunkline_transport::{HandoffIo, OriginPolicy, Proxies};

use crate::support::frame::{self, Frame};
use crate::support::{Client, PATIENCE, Setup, TestNode, Upgrade, eventually};

/// Sends a request and reads the answer to its end.
fn answer(node: &TestNode, request: &str) -> String {
    let mut peer = node.dial();
    peer.send(request.as_bytes());
    String::from_utf8(peer.take_rest()).expect("text")
}

#[test]
fn a_bad_request_is_told_what_is_wrong() {
    let origins = OriginPolicy::List(vec!["https://example.com".into()]);
    let node = Setup { origins, ..Setup::with_shards(1) }.start();
    let good = Upgrade::default().head();
    let long = format!("GET /ws?{} HTTP/1.1\r\n", "x".repeat(9000));
    let many = format!("GET /ws HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65));
    let endless = format!("GET /ws HTTP/1.1\r\nX: {}", "x".repeat(9000));
    let requests = [
        ("nonsense\r\n\r\n".into(), 400, UpgradeFailure::Request),
        (long, 431, UpgradeFailure::Request),
        (many, 431, UpgradeFailure::Request),
        (endless, 431, UpgradeFailure::Request),
        (good.replace("GET", "POST"), 405, UpgradeFailure::Handshake),
        (good.replace("Upgrade: websocket", "Upgrade: other"), 426, UpgradeFailure::Handshake),
        (good.replace("Version: 13", "Version: 8"), 426, UpgradeFailure::Handshake),
        (good.replace("dGhl", ""), 400, UpgradeFailure::Handshake),
        (good.replace("Host: localhost\r\n", ""), 400, UpgradeFailure::Handshake),
        (
            good.replace("\r\n\r\n", "\r\nOrigin: https://example.org\r\n\r\n"),
            403,
            UpgradeFailure::Origin,
        ),
        (good.replace("/connection/websocket", "/ws?since=1"), 400, UpgradeFailure::Request),
        ("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400, UpgradeFailure::Request),
        (
            "PUT /sse?channels=a HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
            405,
            UpgradeFailure::Request,
        ),
    ];
    for (request, status, failure) in requests {
        let before = node.count(|c| c.upgrade_errors.get(failure));
        let answer = answer(&node, &request);
        let line = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&line), "{request:.60}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.trim().len() > 5 && body.ends_with('\n'), "words for a person: {body:?}");
        assert_eq!(node.count(|c| c.upgrade_errors.get(failure)), before + 1, "{request:.60}");
    }
    node.expect_empty();
    node.client("");
}

#[test]
fn who_connects_too_often_from_an_address_is_told_when_to_come_back() {
    let twice = Some(Rate { count: 2, per_ms: 3_600_000 });
    let node = Setup {
        per_address: Rates { connect: twice, ..Rates::default() },
        proxies: Proxies(vec!["127.0.0.1".parse().unwrap()]),
        ..Setup::with_shards(1)
    }
    .start();
    let from = |address: &str| {
        let header = format!("\r\nX-Forwarded-For: {address}\r\n\r\n");
        Upgrade::default().head().replace("\r\n\r\n", &header)
    };
    let open = |request: String| {
        let mut peer = node.dial();
        peer.send(request.as_bytes());
        Client::opened(peer)
    };
    let _first = [open(from("10.0.0.1")), open(from("10.0.0.1"))];
    let refused = answer(&node, &from("10.0.0.1"));
    assert!(refused.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{refused}");
    let (_, after) = refused.split_once("Retry-After: ").unwrap();
    let seconds: u64 = after.split_once("\r\n").unwrap().0.parse().unwrap();
    assert!((1_700..=1_800).contains(&seconds), "{refused}");
    assert_eq!(node.count(|c| c.upgrade_errors.get(UpgradeFailure::TooFast)), 1);
    let _another = open(from("10.0.0.2"));
}

#[test]
fn a_request_may_come_in_any_pieces() {
    let node = Setup::with_shards(1).start();
    let mut client = node.open();
    let (_, connect) = client.frame_of(&json!({"connect": {}}));
    let (_, subscribe) = client.frame_of(&json!({"subscribe": {"channel": "plain"}}));
    let whole = [Upgrade::default().head().into_bytes(), connect, subscribe].concat();
    for pieces in [1, 7, 100, whole.len()] {
        let mut peer = node.dial();
        for piece in whole.chunks(pieces) {
            peer.send(piece);
        }
        let mut client = Client::opened(peer);
        assert!(client.json()["connect"].is_object());
        assert!(client.json()["subscribe"].is_object());
        client.expect_quiet();
    }
}

#[test]
fn what_is_no_endpoint_is_handed_over_with_all_that_was_read() {
    let node = Setup::with_shards(1).start();
    let head = "POST /api/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n";
    for (first, then) in [(format!("{head}01234"), "56789"), (head.to_owned(), "0123456789")] {
        for pieces in [first.len(), 10] {
            let mut peer = node.dial();
            first.as_bytes().chunks(pieces).for_each(|piece| peer.send(piece));
            let handoff = node.handed_over.recv_timeout(PATIENCE).unwrap();
            assert_eq!(node.count(|c| c.connections.get()), 0, "it counts no more");
            let address = handoff.peer.unwrap();
            let HandoffIo::Tcp(mut tcp) = handoff.io else { panic!("TCP was asked for") };
            assert_eq!(address, tcp.peer_addr().unwrap());
            tcp.set_nonblocking(false).unwrap();
            peer.send(then.as_bytes());
            peer.end_sending();
            let mut all = handoff.prefix;
            tcp.read_to_end(&mut all).unwrap();
            assert_eq!(String::from_utf8(all).unwrap(), format!("{first}{then}"));
        }
    }
}

#[test]
fn ordinary_http_that_finds_no_room_is_refused() {
    let node = Setup { full_reception: true, ..Setup::with_shards(1) }.start();
    assert_eq!(answer(&node, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), "");
    eventually("it is counted", || node.count(|c| c.refused.get(Refused::Overload)) == 1);
    node.expect_empty();
}

#[test]
fn whoever_says_nothing_is_closed_in_time() {
    let limits = Limits { handshake_ms: 5_000, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let mut silent = node.dial();
    let mut hesitant = node.dial();
    hesitant.send(b"GET /connection/websocket HTTP/1.1\r\n");
    let mut client = node.client("");
    assert_eq!(silent.take_rest(), b"");
    assert_eq!(hesitant.take_rest(), b"");
    assert_eq!(node.count(|c| c.upgrade_errors.get(UpgradeFailure::Timeout)), 2);
    // It has passed for the other as well, who has made its request.
    client.expect_quiet();
    assert_eq!(node.count(|c| c.connections.get()), 1);
}

#[test]
fn whoever_breaks_the_protocol_is_told_how_and_then_closed() {
    let limits = Limits { frame_bytes: 1000, message_bytes: 2000, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let fragment = |first: u8| {
        let mut frame = frame::write(frame::TEXT, &[b'x'; 900]);
        frame[0] = first;
        frame
    };
    let breaches = [
        (frame::write(frame::TEXT, &[b'x'; 1001]), 1009),
        ([fragment(0x1), fragment(0x0), fragment(0x80)].concat(), 1009),
        (frame::write(frame::TEXT, b"\xff"), 1007),
        (frame::write(0x3, b""), 1002),
        (fragment(0x80), 1002),
        (frame::write(frame::TEXT, b"nonsense"), 3501),
        (frame::write(frame::TEXT, br#"{"id":1}"#), 3501),
        (frame::write(frame::TEXT, br#"{"id":0,"publish":{"channel":"a"}}"#), 3501),
    ];
    let flood = vec![b'x'; 4 << 20];
    for (breach, code) in breaches {
        let mut client = node.client("");
        // Much follows that is not read any more. Were the connection broken off because of it, the
        // reason could be lost on its way.
        client.peer.send(&breach);
        client.peer.send(&flood);
        client.expect_close(code);
        assert!(!client.peer.was_reset, "{code}");
    }
    node.expect_empty();
}

#[test]
fn a_close_is_answered_in_kind() {
    let node = Setup::with_shards(1).start();
    for (payload, code) in [(&b"\x0f\xa0bye"[..], 4000), (b"", 1000)] {
        let mut client = node.client("ann");
        client.subscribe("met:hall");
        client.peer.send(&frame::write(frame::CLOSE, payload));
        assert_eq!(client.frame(), Frame::Close(code, String::new()));
        assert_eq!(client.frame(), Frame::End);
        node.expect_empty();
    }
}
