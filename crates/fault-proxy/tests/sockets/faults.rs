//! What happens to bytes.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use trunkline_fault_proxy::{BlackHole, Direction, Faults, LineFaults, Probability};

use crate::world::{World, assert_silent, pass, receive, receive_all};

#[test]
fn without_faults_everything_passes_and_ends_as_it_was_ended() {
    let world = World::new(1);
    let mut pair = world.connect();
    pair.assert_carries();
    pair.client.write_all(b"the last").unwrap();
    pair.client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive_all(&mut pair.server), (b"the last".to_vec(), None));
    // The other direction goes on.
    pass(&mut pair.server, &mut pair.client, b"the answer");
    drop(pair.server);
    assert_eq!(receive_all(&mut pair.client), (vec![], None));
    world.wait_for_connections(0);
}

#[test]
fn a_big_stream_arrives_whole_through_everything_that_only_delays() {
    let world = World::new(5);
    let mut pair = world.connect();
    world.proxy.set(Faults::both(LineFaults {
        latency: Duration::from_millis(2),
        jitter: Duration::from_millis(2),
        bandwidth: NonZeroU64::new(32 << 20),
        chop: NonZeroU32::new(500),
        ..LineFaults::NONE
    }));
    let sent: Vec<u8> = (0..2_000_000_u32).map(|number| (number / 7) as u8).collect();
    let mut client = pair.client;
    let sender = std::thread::spawn({
        let sent = sent.clone();
        move || {
            client.write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client
        }
    });
    let (arrived, end) = receive_all(&mut pair.server);
    assert!(arrived == sent, "{} of {} bytes arrived", arrived.len(), sent.len());
    assert_eq!(end, None);
    sender.join().unwrap();
}

#[test]
fn faults_can_be_meant_for_one_connection() {
    let world = World::new(1);
    let (mut meant, mut other) = (world.connect(), world.connect());
    meant.assert_carries();
    let from = meant.server.peer_addr().unwrap();
    assert!(world.proxy.carries(from));
    world.proxy.set_for(from, Faults::both(LineFaults::black_hole(BlackHole::Swallow)));
    meant.client.write_all(b"lost").unwrap();
    assert_silent(&mut meant.server);
    other.assert_carries();
    world.connect().assert_carries();
    world.proxy.heal();
    meant.assert_carries();
}

#[test]
fn what_is_swallowed_never_arrives_and_the_connection_stays() {
    let world = World::new(1);
    let (mut pair, mut other) = (world.connect(), world.connect());
    pair.assert_carries();
    world
        .proxy
        .set(Faults::towards(Direction::ToUpstream, LineFaults::black_hole(BlackHole::Swallow)));
    pair.client.write_all(b"lost").unwrap();
    // The other way everything passes.
    pass(&mut pair.server, &mut pair.client, b"still here");
    pass(&mut other.server, &mut other.client, b"here too");
    assert_silent(&mut pair.server);
    // More than all buffers hold, so somebody reads it.
    pair.client.write_all(&vec![0; 32 << 20]).unwrap();
    assert_silent(&mut pair.server);
    assert_eq!(world.proxy.connections(), 2);
}

#[test]
fn a_stream_goes_on_with_a_hole_in_it() {
    let world = World::new(1);
    let mut pair = world.connect();
    let hole = LineFaults::black_hole(BlackHole::Swallow);
    world.proxy.set(Faults::towards(Direction::ToClient, hole));
    // Much more than the kernel holds: most of it has been swallowed when it is sent.
    let sent = vec![1; 32 << 20];
    pair.server.write_all(&sent).unwrap();
    world.proxy.heal();
    pair.server.write_all(b"\x02").unwrap();
    pair.server.shutdown(Shutdown::Write).unwrap();
    let (arrived, end) = receive_all(&mut pair.client);
    assert!(arrived.len() < sent.len(), "{} bytes arrived", arrived.len());
    assert_eq!((arrived.last(), end), (Some(&2), None));
}

#[test]
fn what_is_stalled_arrives_when_healed_and_not_before() {
    let world = World::new(1);
    let mut pair = world.connect();
    pair.assert_carries();
    world.proxy.set(Faults::towards(Direction::ToClient, LineFaults::black_hole(BlackHole::Stall)));
    pair.server.write_all(b"late").unwrap();
    pass(&mut pair.client, &mut pair.server, b"other way");
    assert_silent(&mut pair.client);
    world.proxy.heal();
    assert_eq!(receive(&mut pair.client, 4), b"late");
}

#[test]
fn a_stall_fills_the_buffers_until_the_sender_would_block() {
    let world = World::new(1);
    let mut pair = world.connect();
    world
        .proxy
        .set(Faults::towards(Direction::ToUpstream, LineFaults::black_hole(BlackHole::Stall)));
    pair.client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut sent = 0;
    let blocked = loop {
        match pair.client.write(&[7; 65_536]) {
            Ok(bytes) => sent += bytes,
            Err(error) => break error.kind(),
        }
        assert!(sent < 1 << 30, "somebody takes the bytes");
    };
    assert_eq!(blocked, ErrorKind::WouldBlock);
    world.proxy.heal();
    assert_eq!(receive(&mut pair.server, sent), vec![7; sent]);
}

#[test]
fn corruption_flips_single_bits_and_the_seed_says_which() {
    let corruption = Probability::new(0.01).unwrap();
    let arrived = |seed: u64| {
        let world = World::new(seed);
        world.proxy.set(Faults::both(LineFaults { corruption, ..LineFaults::NONE }));
        let mut pair = world.connect();
        pair.client.write_all(&[0; 20_000]).unwrap();
        receive(&mut pair.server, 20_000)
    };
    let once = arrived(7);
    let flipped: Vec<u8> = once.iter().copied().filter(|&byte| byte != 0).collect();
    assert!((100..400).contains(&flipped.len()), "{} of 20000, asked for 200", flipped.len());
    assert!(flipped.iter().all(|byte| byte.is_power_of_two()));
    assert!(once == arrived(7), "the same seed corrupts the same bytes");
    assert!(once != arrived(8), "another seed corrupts others");
}

#[test]
fn the_connection_is_reset_after_so_many_bytes() {
    let world = World::new(1);
    let line = LineFaults { reset_after: Some(10), ..LineFaults::NONE };
    world.proxy.set(Faults::towards(Direction::ToUpstream, line));
    let mut pair = world.connect();
    pair.client.write_all(b"0123456").unwrap();
    pass(&mut pair.server, &mut pair.client, b"this direction is not counted");
    pair.client.write_all(b"789abcdef").unwrap();
    assert_eq!(
        receive_all(&mut pair.server),
        (b"0123456789".to_vec(), Some(ErrorKind::ConnectionReset))
    );
    assert_eq!(receive_all(&mut pair.client), (vec![], Some(ErrorKind::ConnectionReset)));
    world.wait_for_connections(0);
}

#[test]
fn latency_can_be_taken_back_while_bytes_are_on_their_way() {
    let world = World::new(1);
    let mut pair = world.connect();
    let hour = LineFaults::late(Duration::from_secs(3600));
    world.proxy.set(Faults::towards(Direction::ToUpstream, hour));
    pair.client.write_all(b"slow").unwrap();
    pass(&mut pair.server, &mut pair.client, b"fast");
    assert_silent(&mut pair.server);
    world.proxy.heal();
    assert_eq!(receive(&mut pair.server, 4), b"slow");
}

#[test]
fn bandwidth_lets_through_one_slice_at_a_time() {
    let world = World::new(1);
    let mut pair = world.connect();
    let line = LineFaults { bandwidth: NonZeroU64::new(1), ..LineFaults::NONE };
    world.proxy.set(Faults::towards(Direction::ToUpstream, line));
    pair.client.write_all(&[9; 100_000]).unwrap();
    // The first slice leaves at once, and it is one byte.
    assert_eq!(receive(&mut pair.server, 1), [9]);
    world.proxy.heal();
    assert_eq!(receive(&mut pair.server, 99_999), vec![9; 99_999]);
}
