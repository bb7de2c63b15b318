//! The generator against a small floor in this process: nothing is lost, and what would be is
//! noticed.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::instrument::closed_loop::ClosedLoop;
use crate::instrument::command;
use crate::instrument::connection::{Dialogue, Plan};
use crate::instrument::deaf::Fate;
use crate::instrument::floor;
use crate::instrument::generator::{Generator, TICK};
use crate::instrument::interrupt::Interrupt;
use crate::instrument::learn;
use crate::instrument::load::Load;
use crate::instrument::open_loop::OpenLoop;
use crate::instrument::pipelines::Pipelines;
use crate::instrument::process::PATH;
use crate::instrument::returning::{self, Returning};
use crate::instrument::script::Script;

/// A floor on a free port; it ends with the test's process.
fn floor_with(data: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Script::sample(data);
    thread::spawn(move || floor::serve(listener, &script));
    address
}

fn generator(address: SocketAddr, channels: u16, data: &str) -> Generator {
    let dialogue = Dialogue::new(address, PATH, true, channels, data);
    Generator::new(address, dialogue, Interrupt::default()).unwrap()
}

#[test]
fn a_fan_out_loses_nothing() {
    let data = command::payload(128);
    for (publishers, window) in [(1, 1), (1, 16), (8, 16)] {
        let mut generator = generator(floor_with(&data), 1, &data);
        let speakers = generator.open_all((0..publishers).map(|_| Plan::publisher())).unwrap();
        generator.open_all((0..50).map(|_| Plan::subscriber(0))).unwrap();
        let mut load = ClosedLoop::new([(speakers, 50)], window, 100);
        load.run(&mut generator, || Ok(false)).unwrap();
        let seen = generator.seen();
        assert_eq!((seen.published, seen.replies, seen.deliveries), (100, 100, 5_000));
        assert_eq!(load.lost(&generator), 0);
        assert_eq!(generator.lost(&[101]), 50, "a publication nobody received is missed by all");
    }
}

#[test]
fn connections_go_to_several_nodes_by_turns() {
    let data = command::payload(64);
    let mut generator = generator(floor_with(&data), 2, &data).and_to(floor_with(&data));
    let speakers = generator.open_all((0..2).map(|_| Plan::publisher())).unwrap();
    assert_eq!(speakers, 0..2);
    // Each channel is at one node, which reaches all of it and hears one of the speakers only.
    generator.open_all((0..20).map(|nth| Plan::subscriber(nth % 2))).unwrap();
    let mut load = ClosedLoop::new([(0..1, 10), (1..2, 10)], 4, 50);
    load.run(&mut generator, || Ok(false)).unwrap();
    assert_eq!(generator.seen().deliveries, 2 * 10 * 50);
    assert_eq!(load.lost(&generator), 0);
}

#[test]
fn rooms_in_which_every_member_speaks_lose_nothing() {
    let data = command::payload(64);
    let mut generator = generator(floor_with(&data), 20, &data);
    generator.open_all((0..60).map(|nth| Plan::subscriber(nth / 3))).unwrap();
    let rooms = (0..20).map(|room| (room * 3..room * 3 + 3, 3));
    let mut load = ClosedLoop::new(rooms, 1, 30);
    load.run(&mut generator, || Ok(false)).unwrap();
    assert_eq!(generator.seen().deliveries, 20 * 3 * 30);
    assert_eq!(load.lost(&generator), 0);
}

#[test]
fn the_clock_decides_when_an_open_loop_publishes() {
    let data = command::payload(64);
    let mut generator = generator(floor_with(&data), 1, &data);
    let publisher = generator.open_all([Plan::publisher()]).unwrap().start;
    generator.open_all((0..20).map(|_| Plan::subscriber(0))).unwrap();
    let mut load = OpenLoop::new(100, 0.2);
    let lost = load.run(&mut generator, publisher, 20, || Ok(())).unwrap();
    assert_eq!(lost, 0);
    assert_eq!(load.histogram().count(), 20 * 20, "the warm-up is not timed");
    assert!(load.histogram().percentile(0.5) > 0);
}

#[test]
fn connections_come_back_after_they_were_killed() {
    let data = command::payload(64);
    let mut generator = generator(floor_with(&data), 10, &data);
    for _ in 0..3 {
        let opened = generator.open_all((0..200).map(|nth| Plan::subscriber(nth % 10))).unwrap();
        assert_eq!(opened, 0..200);
        generator.close_all();
    }
}

#[test]
fn a_subscriber_that_never_reads_is_told_from_the_others() {
    let data = command::payload(8_192);
    let mut generator = generator(floor_with(&data), 1, &data);
    let speakers = generator.open_all([Plan::publisher()]).unwrap();
    let slow = generator.open_all([Plan { channel: Some(0), narrow: true }]).unwrap().start;
    let deaf = generator.deafen(slow).unwrap().unwrap();
    generator.open_all((0..5).map(|_| Plan::subscriber(0))).unwrap();
    let mut load = ClosedLoop::new([(speakers, 5)], 1, 1_000);
    load.run(&mut generator, || Ok(false)).unwrap();
    assert_eq!(load.lost(&generator), 0);
    assert_eq!(deaf.fate().unwrap(), Fate::Closed(None), "the floor has no queue");
}

#[test]
fn pipelines_are_kept_full_until_it_is_enough() {
    let data = command::payload(64);
    let mut generator = generator(floor_with(&data), 5, &data);
    // The floor answers a publication when it has reached the members of its channel.
    let connections = generator.open_all((0..4).map(|_| Plan::publisher())).unwrap();
    let mut load = Pipelines::new(connections, 16, 5);
    let mut turns = 0;
    load.run(&mut generator, || {
        turns += 1;
        Ok(turns > 20)
    })
    .unwrap();
    let seen = generator.seen();
    assert_eq!(seen.replies, seen.published);
    assert!(seen.published > 4 * 16, "they published again");
    assert_eq!(load.take_latencies().count(), seen.published);
}

#[test]
fn everything_is_read_that_clients_who_come_back_are_given() {
    let data = command::payload(64);
    let missed: Vec<u64> = (4..54).collect();
    for (given, lost) in [(&missed[..], 0), (&missed[..49], 100), (&missed[1..], 100 * 50)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script {
            subscribe_reply: returning::tests::reply("e", given, 128),
            ..Script::sample(&data)
        };
        thread::spawn(move || floor::serve(listener, &script));
        let mut load = Returning::new(1, 128);
        load.heard(0, returning::tests::reply("e", &[], 128).as_bytes());
        let dialogue = Dialogue::new(address, PATH, true, 1, &data);
        let dialogue = dialogue.returning(&load.places().unwrap());
        let mut generator = Generator::new(address, dialogue, Interrupt::default()).unwrap();
        load.come_back(50);
        for _ in 0..100 {
            generator.open(Plan::subscriber(0)).unwrap();
        }
        while load.done() < 100 {
            generator.turn(TICK, &mut load).unwrap();
        }
        assert_eq!(load.lost(), lost);
    }
}

#[test]
fn what_a_server_says_is_learnt_word_for_word() {
    let data = command::payload(128);
    let learnt = learn::script(floor_with(&data), PATH, &data).unwrap();
    let spoken = Script::sample(&data);
    assert_eq!(learnt.upgrade.len(), spoken.upgrade.len());
    assert_eq!(Script { upgrade: spoken.upgrade.clone(), ..learnt }, spoken);
}

#[test]
fn a_server_that_refuses_is_an_error_and_no_hang() {
    let data = command::payload(64);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = Script {
        subscribe_reply: r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#.into(),
        ..Script::sample(&data)
    };
    let address = listener.local_addr().unwrap();
    thread::spawn(move || floor::serve(listener, &refusing));
    let refused = generator(address, 1, &data).open_all([Plan::subscriber(0)]).unwrap_err();
    assert!(refused.to_string().contains("refused while Subscribing"), "{refused}");
    let refused = learn::script(address, PATH, &data).unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}
