//! Sides that close, are reset, or are gone without the other knowing.

use std::io::Write;
use std::net::Shutdown;

use trunkline_fault_proxy::{BlackHole, Direction, Faults, LineFaults};

use crate::world::{World, assert_reset, assert_silent, pass, receive, receive_all, wait_for};

const HALF_OPEN: LineFaults = LineFaults { half_open: true, ..LineFaults::NONE };

#[test]
fn half_open_keeps_the_end_of_the_client_from_the_upstream() {
    let world = World::new(1);
    world.proxy.set(Faults::towards(Direction::ToUpstream, HALF_OPEN));
    let (mut pair, mut other) = (world.connect(), world.connect());
    pair.assert_carries();
    drop(pair.client);
    // So much fits nowhere: it is read although nobody is there to receive it.
    pair.server.write_all(&vec![0; 32 << 20]).unwrap();
    other.assert_carries();
    assert_silent(&mut pair.server);
    assert_eq!(world.proxy.connections(), 2);
    // Healed, the upstream learns of it; the connection that was whole stays.
    world.proxy.heal();
    assert_reset(&mut pair.server);
    other.assert_carries();
}

#[test]
fn half_open_keeps_the_end_of_the_upstream_from_the_client() {
    let world = World::new(1);
    world.proxy.set(Faults::towards(Direction::ToClient, HALF_OPEN));
    let mut pair = world.connect();
    pair.assert_carries();
    pair.server.shutdown(Shutdown::Write).unwrap();
    // Only the news is held back: what the client sends still arrives.
    pair.client.write_all(b"hello?").unwrap();
    pair.client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive_all(&mut pair.server), (b"hello?".to_vec(), None));
    // Both have closed, so nothing is left to be kept open.
    world.wait_for_connections(0);
}

#[test]
fn a_half_open_close_is_told_regularly_when_healed() {
    let world = World::new(1);
    world.proxy.set(Faults::towards(Direction::ToClient, HALF_OPEN));
    let mut pair = world.connect();
    pair.server.write_all(b"bye").unwrap();
    pair.server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive(&mut pair.client, 3), b"bye");
    assert_silent(&mut pair.client);
    world.proxy.heal();
    assert_eq!(receive_all(&mut pair.client), (vec![], None));
}

#[test]
fn a_black_hole_keeps_the_end_back_too() {
    let world = World::new(1);
    let (pair, mut other) = (world.connect(), world.connect());
    let hole = LineFaults::black_hole(BlackHole::Swallow);
    world.proxy.set(Faults::towards(Direction::ToUpstream, hole));
    let mut server = pair.server;
    drop(pair.client);
    pass(&mut other.server, &mut other.client, b"meanwhile");
    assert_silent(&mut server);
    world.proxy.heal();
    assert_eq!(receive_all(&mut server), (vec![], None));
}

#[test]
fn a_side_that_resets_resets_the_other() {
    let world = World::new(1);
    let mut pair = world.connect();
    pair.assert_carries();
    // A socket that is closed with unread bytes sends a reset.
    pair.client.write_all(b"not read").unwrap();
    let mut peeked = [0; 8];
    wait_for("the bytes", || pair.server.peek(&mut peeked).is_ok_and(|bytes| bytes == 8));
    drop(pair.server);
    assert_reset(&mut pair.client);
    world.wait_for_connections(0);
}
