//! Deadlines and pings.

use trunkline_core::limits::Limits;

use crate::support::frame::{self, Frame};
use crate::support::{Client, Setup, TestNode, Upgrade};

/// A node that is in a hurry.
fn hasty(limits: Limits) -> TestNode {
    Setup { limits, ..Setup::with_shards(1) }.start()
}

const FRAME_PINGS: Upgrade =
    Upgrade { path: "/connection/websocket?cf_ws_frame_ping_pong=true", headers: "" };

#[test]
fn whoever_does_not_introduce_itself_is_closed_as_stale() {
    let node = hasty(Limits { connect_ms: 300, ..Limits::default() });
    let mut client = node.open();
    client.expect_close(3502);
    drop(client);
    node.expect_empty();
}

#[test]
fn whoever_does_not_answer_a_ping_is_closed() {
    let node = hasty(Limits { ping_ms: 400, pong_ms: 200, ..Limits::default() });
    let mut by_message = node.client("ann");
    assert_eq!(by_message.text(), "{}");
    by_message.expect_close(3012);

    let mut by_frame = Client::upgrade(node.dial(), &FRAME_PINGS);
    by_frame.connect("ann");
    assert_eq!(by_frame.frame(), Frame::Ping);
    by_frame.expect_close(3012);
    drop((by_message, by_frame));
    node.expect_empty();
}

#[test]
fn whoever_answers_stays() {
    // Enough time to answer on a machine that is busy.
    let node = hasty(Limits { ping_ms: 2_500, pong_ms: 2_500, ..Limits::default() });
    let mut by_message = node.client("");
    for _ in 0..3 {
        assert_eq!(by_message.text(), "{}");
        by_message.send_text("{}");
    }
    let mut by_frame = Client::upgrade(node.dial(), &FRAME_PINGS);
    by_frame.connect("");
    for _ in 0..3 {
        assert_eq!(by_frame.frame(), Frame::Ping);
        by_frame.peer.send(&frame::write(frame::PONG, b""));
    }
    by_frame.expect_quiet();
}

#[test]
fn an_answer_without_a_ping_is_a_breach_and_a_frame_is_not() {
    let node = Setup::with_shards(1).start();
    let mut by_message = node.client("");
    by_message.peer.send(&frame::write(frame::PONG, b"unasked"));
    by_message.expect_quiet();
    by_message.send_text("{}");
    by_message.expect_close(3501);
    let mut by_frame = Client::upgrade(node.dial(), &FRAME_PINGS);
    by_frame.connect("");
    by_frame.peer.send(&frame::write(frame::PONG, b"unasked"));
    by_frame.expect_quiet();
}
