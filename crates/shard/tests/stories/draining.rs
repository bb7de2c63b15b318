//! A node that goes down.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use trunkline_telemetry::Closed;

use crate::support::{Client, Frame, Setup, eventually};

#[test]
fn clients_are_sent_away_one_after_the_other() {
    let spread = Duration::from_millis(800);
    let mut node = Setup::with_shards(1).start();
    let mut clients: Vec<Client> = (0..4).map(|_| node.client("ann")).collect();
    let mut silent = node.dial();
    eventually("all are there", || node.count(|c| c.connections.get()) == 5);
    let begun = Instant::now();
    node.node.drain(u64::try_from(spread.as_millis()).unwrap());
    for (nth, client) in (0..).zip(&mut clients) {
        client.expect_close(3001);
        let share = spread * nth / 5;
        assert!(begun.elapsed() + Duration::from_millis(2) >= share, "{nth} was sent too early");
    }
    assert_eq!(silent.take_rest(), b"");
    assert!(TcpStream::connect(node.address).is_err(), "nobody is let in any more");
    assert_eq!(node.count(|c| c.disconnects.get(Closed::Shutdown)), 4);
    drop(clients);
    node.expect_empty();
    node.node.stop();
    node.join();
}

#[test]
fn who_has_not_left_when_the_node_ends_is_told_and_cut_off() {
    for shards in [1, 2] {
        let mut node = Setup::with_shards(shards).start();
        let mut clients: Vec<Client> = (0..6).map(|_| node.client("")).collect();
        let mut silent = node.dial();
        node.node.drain(3_600_000);
        node.node.stop();
        node.join();
        for client in &mut clients {
            client.expect_close(3001);
        }
        assert_eq!(silent.take_rest(), b"");
    }
}

#[test]
fn a_node_without_clients_ends_too() {
    for shards in [1, 2] {
        let mut node = Setup::with_shards(shards).start();
        node.node.drain(3_600_000);
        eventually("nobody is let in", || TcpStream::connect(node.address).is_err());
        node.node.stop();
        node.join();
        let mut node = Setup { spread: true, ..Setup::with_shards(shards) }.start();
        node.node.stop();
        node.join();
    }
}

#[test]
fn a_late_word_to_leave_does_not_keep_a_node_from_ending() {
    let mut node = Setup::with_shards(1).start();
    let mut client = node.client("");
    let paused = node.pause(0);
    node.node.stop();
    node.node.drain(1000);
    drop(paused);
    client.expect_close(3001);
    node.join();
}

#[test]
fn who_is_being_sent_away_may_still_be_told_things() {
    let node = Setup::with_shards(1).start();
    let mut clients: Vec<Client> = (0..2).map(|_| node.client("")).collect();
    for client in &mut clients {
        client.subscribe("plain");
    }
    // Half of it is for what stands between the two.
    node.node.drain(6_000);
    clients[0].expect_close(3001);
    node.publish("plain", "1");
    assert_eq!(clients[1].publication("plain"), 1);
    clients[1].expect_close(3001);
    assert_eq!(clients[1].frame(), Frame::End);
}
