//! Who comes and who goes, and subscriptions whose past is still being read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use trunkline_core::limits::{JOINING_BUFFER, Limits};
use trunkline_telemetry::Gap;

use crate::support::channels::channel;
use crate::support::{Client, Setup, TestNode, eventually};

/// A large payload: with it a few dozen publications are more than one turn of the loop may gain.
const LARGE_BYTES: usize = 60 * 1024;

/// The user whose coming or going the next message tells of, under this name.
#[track_caller]
fn told(client: &mut Client, what: &str) -> Value {
    let push = client.push();
    assert!(push[what].is_object(), "{push} instead of a {what}");
    push[what]["info"]["user"].clone()
}

/// A client whose subscription waits until the backend answers.
fn waiting_client(node: &TestNode, channel: &str) -> Client {
    let mut client = node.client("waiting");
    node.backend.withhold();
    client.command(&json!({"subscribe": {"channel": channel}}));
    eventually("the stream is read", || node.backend.waiting() == 1);
    client
}

/// Reads publications of a channel, whose offsets must run from `first` to `last`.
#[track_caller]
fn expect_offsets(client: &mut Client, first: u64, last: u64) {
    for offset in first..=last {
        let push = client.push();
        assert_eq!(push["pub"]["offset"], offset, "{:.200}", push.to_string());
    }
}

#[test]
fn those_who_ask_for_it_hear_who_comes_and_goes() {
    for shards in [1, 2] {
        let node = Setup::with_shards(shards).start();
        let mut host = node.client_on(0, "host");
        host.subscribe_with_joins("met:hall");
        assert_eq!(
            told(&mut host, "join"),
            "host",
            "a join is heard by who joins, after the reply"
        );
        let mut incurious = node.client("incurious");
        incurious.subscribe("met:hall");
        assert_eq!(told(&mut host, "join"), "incurious");

        let mut guest = node.client_on(shards - 1, "guest");
        guest.subscribe_with_joins("met:hall");
        assert_eq!(told(&mut guest, "join"), "guest");
        assert_eq!(told(&mut host, "join"), "guest");
        guest.ask(&json!({"unsubscribe": {"channel": "met:hall"}}));
        assert_eq!(told(&mut host, "leave"), "guest");
        guest.expect_quiet();

        guest.subscribe("met:hall");
        assert_eq!(told(&mut host, "join"), "guest");
        guest.peer.reset();
        assert_eq!(told(&mut host, "leave"), "guest", "also after an abnormal end");
        node.settle();
        incurious.expect_quiet();
        assert_eq!(node.presence(&channel("met:hall")).len(), 2);
    }
}

#[test]
fn a_join_comes_before_its_leave_however_short_the_visit() {
    let node = Setup::with_shards(2).start();
    let mut host = node.client_on(0, "host");
    host.subscribe_with_joins("met:hall");
    told(&mut host, "join");
    let mut present = BTreeSet::new();
    for visit in 0..50 {
        let user = format!("visitor-{visit}");
        let mut visitor = node.client(&user);
        let (_, come) = visitor.frame_of(&json!({"subscribe": {"channel": "met:hall"}}));
        let (_, go) = visitor.frame_of(&json!({"unsubscribe": {"channel": "met:hall"}}));
        visitor.peer.send(&[come, go].concat());
        if visit % 2 == 0 {
            // One that breaks off may not have been heard at all.
            visitor.peer.reset();
            continue;
        }
        loop {
            let push = host.push();
            if let Some(who) = push["join"]["info"]["user"].as_str() {
                assert!(present.insert(who.to_owned()), "{who} joined twice");
                continue;
            }
            let who = push["leave"]["info"]["user"].as_str().expect("a leave");
            assert!(present.remove(who), "{who} left without having joined");
            if who == user {
                break;
            }
        }
    }
}

#[test]
fn what_is_published_while_the_past_is_read_follows_it_in_order() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe("kept:1");
    let mut client = waiting_client(&node, "kept:1");
    node.publish("kept:1", "1");
    node.settle();
    // The rest of it happens in one turn.
    let paused = node.pause(0);
    node.publish("kept:1", "2");
    node.backend.answer();
    node.publish("kept:1", "3");
    drop(paused);
    assert_eq!(client.json()["subscribe"]["positioned"], true);
    expect_offsets(&mut client, 1, 3);
    client.expect_quiet();
    expect_offsets(&mut witness, 1, 3);
}

#[test]
fn large_publications_held_back_arrive_once_and_in_order() {
    let limits = Limits { outbound_bytes: 64 << 20, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let mut witness = node.client("witness");
    witness.subscribe("kept:1");
    let mut client = waiting_client(&node, "kept:1");
    let large = format!("\"{}\"", "x".repeat(LARGE_BYTES));
    for _ in 0..100 {
        node.publish("kept:1", &large);
    }
    expect_offsets(&mut witness, 1, 100);
    let paused = node.pause(0);
    node.publish("kept:1", &large);
    node.backend.answer();
    node.publish("kept:1", &large);
    drop(paused);
    assert_eq!(client.json()["subscribe"]["positioned"], true);
    expect_offsets(&mut client, 1, 102);
    client.expect_quiet();
    expect_offsets(&mut witness, 101, 102);
}

#[test]
fn of_a_channel_too_fast_for_its_history_more_history_is_read() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe_with_joins("both:1");
    told(&mut witness, "join");
    let mut client = waiting_client(&node, "both:1");
    let many = JOINING_BUFFER as u64 + 1;
    for n in 1..=many {
        node.publish("both:1", &n.to_string());
    }
    expect_offsets(&mut witness, 1, many);
    node.backend.relent();
    assert!(client.json()["subscribe"].is_object());
    expect_offsets(&mut client, 1, many);
    assert_eq!(told(&mut witness, "join"), "waiting");
    node.publish("both:1", "0");
    expect_offsets(&mut client, many + 1, many + 1);
    client.expect_quiet();
    assert_eq!(node.gaps(), 0);
}

#[test]
fn a_subscription_too_late_for_its_history_ends_and_leaves_no_trace() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe_with_joins("brief:1");
    told(&mut witness, "join");
    let mut client = waiting_client(&node, "brief:1");
    let many = JOINING_BUFFER as u64 + 1;
    for n in 1..=many {
        node.publish("brief:1", &n.to_string());
    }
    expect_offsets(&mut witness, 1, many);
    node.backend.relent();
    assert!(client.json()["subscribe"].is_object());
    assert_eq!(client.push()["unsubscribe"]["code"], 2500);
    client.expect_quiet();
    assert_eq!(told(&mut witness, "join"), "waiting");
    assert_eq!(told(&mut witness, "leave"), "waiting");
    assert_eq!(node.presence(&channel("brief:1")).len(), 1, "only the witness is there");
    assert_eq!(node.count(|c| c.subscriptions.get()), 1);
    assert_eq!(node.count(|c| c.gaps.get(Gap::Trimmed)), 1);
}

#[test]
fn whoever_cannot_come_back_to_a_lost_subscription_is_sent_away() {
    let node = Setup::with_shards(1).start();
    let mut witness = node.client("witness");
    witness.subscribe("brief:1");
    node.backend.withhold();
    let mut client = node.open();
    client.command(&json!({"connect": {"token": "subscriber;brief:1"}}));
    eventually("the stream is read", || node.backend.waiting() == 1);
    let many = JOINING_BUFFER as u64 + 1;
    for n in 1..=many {
        node.publish("brief:1", &n.to_string());
    }
    expect_offsets(&mut witness, 1, many);
    node.backend.relent();
    assert!(client.json()["connect"]["subs"]["brief:1"].is_object());
    client.expect_close(3010);
    assert_eq!(node.presence(&channel("brief:1")).len(), 1);
    eventually("one subscription is left", || node.count(|c| c.subscriptions.get()) == 1);
}

#[test]
fn whoever_gives_up_while_the_past_is_read_leaves_nothing_behind() {
    let node = Setup::with_shards(1).start();
    let client = waiting_client(&node, "both:1");
    assert_eq!(node.node.channel_count(), 1);
    client.peer.reset();
    node.expect_empty();
    // The answer finds nobody, not even somebody else in the same place.
    let mut next = node.client("next");
    node.backend.answer();
    node.settle();
    next.expect_quiet();
    assert_eq!(node.presence(&channel("both:1")), []);
}
