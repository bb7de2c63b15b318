//! A lane by itself: no socket, no runtime, and any time one likes.

use std::num::{NonZeroU32, NonZeroU64};

use proptest::prelude::*;

use super::*;
use crate::faults::Direction;

const ZERO: Duration = Duration::ZERO;
/// Long after everything is due.
const LATE: Duration = Duration::from_secs(1 << 40);

fn lane(seed: u64) -> Lane {
    Lane::new(Luck::new(seed, 0, Direction::ToClient))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Writes all that is due until `end`, and says when each write was and what it held.
fn writes(lane: &mut Lane, line: &LineFaults, end: Duration) -> Vec<(Duration, Vec<u8>)> {
    let (mut now, mut writes) = (ZERO, Vec::new());
    loop {
        match lane.next(line, now) {
            Next::Write(bytes) => {
                lane.wrote(bytes.len(), now);
                writes.push((now, bytes.to_vec()));
            }
            Next::At(due) if due <= end => now = due,
            Next::At(_) | Next::Idle | Next::End(_) => return writes,
        }
    }
}

fn joined(writes: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    writes.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
}

/// All the bytes that arrive when `sent` comes in at once, in reads of `read` bytes.
fn arrives(seed: u64, line: &LineFaults, sent: &[u8], read: usize) -> Vec<(Duration, Vec<u8>)> {
    let mut lane = lane(seed);
    sent.chunks(read).for_each(|chunk| lane.take(chunk, line, ZERO));
    writes(&mut lane, line, LATE)
}

#[test]
fn without_faults_bytes_pass_at_once() {
    let writes = arrives(1, &LineFaults::NONE, b"PING\r\n", 6);
    assert_eq!(writes, [(ZERO, b"PING\r\n".to_vec())]);
}

#[test]
fn latency_is_exact_for_bytes_and_for_the_end() {
    let line = LineFaults::late(millis(20));
    let mut lane = lane(1);
    lane.take(b"a", &line, millis(100));
    assert_eq!(lane.next(&line, millis(100)), Next::At(millis(120)));
    assert_eq!(lane.next(&line, millis(120)), Next::Write(Bytes::from_static(b"a")));
    lane.wrote(1, millis(120));
    assert_eq!(lane.next(&line, millis(120)), Next::Idle);
    lane.end(End::Closed, millis(130));
    assert_eq!(lane.next(&line, millis(130)), Next::At(millis(150)));
    assert_eq!(lane.next(&line, millis(150)), Next::End(End::Closed));
}

#[test]
fn the_same_seed_and_bytes_give_the_same_corruption_and_jitter() {
    let line = LineFaults {
        jitter: millis(50),
        corruption: Probability::new(0.01).unwrap(),
        chop: NonZeroU32::new(7),
        ..LineFaults::NONE
    };
    let sent: Vec<u8> = (0..5000_u32).map(|number| number as u8).collect();
    let once = arrives(7, &line, &sent, 512);
    assert_eq!(once, arrives(7, &line, &sent, 512));
    assert_ne!(joined(&once), sent);
    let other = arrives(8, &line, &sent, 512);
    assert_ne!(joined(&once), joined(&other));
    let times = |writes: &[(Duration, Vec<u8>)]| -> Vec<Duration> {
        writes.iter().map(|(at, _)| *at).collect()
    };
    assert_ne!(times(&once), times(&other));
}

#[test]
fn corruption_does_not_depend_on_how_the_stream_was_read() {
    let corruption = Probability::new(0.01).unwrap();
    let line = LineFaults { corruption, ..LineFaults::NONE };
    let sent = [0; 5000];
    assert_eq!(joined(&arrives(7, &line, &sent, 5000)), joined(&arrives(7, &line, &sent, 3)));
}

#[test]
fn jitter_keeps_the_order() {
    let line = LineFaults { jitter: millis(50), ..LineFaults::NONE };
    let sent: Vec<u8> = (0..200).collect();
    let writes = arrives(3, &line, &sent, 1);
    assert_eq!(joined(&writes), sent);
    assert!(writes.iter().all(|(at, _)| *at <= millis(50)));
}

#[test]
fn chopped_bytes_arrive_whole_in_small_pieces() {
    let line = LineFaults { chop: NonZeroU32::new(4), ..LineFaults::NONE };
    let sent: Vec<u8> = (0..=255).collect();
    let pieces = arrives(3, &line, &sent, 256);
    assert_eq!(joined(&pieces), sent);
    assert!((40..100).contains(&pieces.len()), "{} pieces", pieces.len());

    let line = LineFaults { chop: NonZeroU32::new(1), ..LineFaults::NONE };
    assert_eq!(arrives(3, &line, &sent, 256).len(), 256);
}

#[test]
fn bandwidth_bounds_what_has_arrived_at_any_time() {
    let line = LineFaults { bandwidth: NonZeroU64::new(1000), ..LineFaults::NONE };
    let sent: Vec<u8> = (0..3000_u32).map(|number| number as u8).collect();
    let writes = arrives(3, &line, &sent, 1024);
    let mut arrived = 0;
    for (at, bytes) in &writes {
        arrived += bytes.len();
        // What is allowed by then, and the slice that is being written.
        assert!(arrived as u128 <= at.as_millis() + 10, "{arrived} bytes at {at:?}");
    }
    assert_eq!(joined(&writes), sent);
}

#[test]
fn a_healed_line_does_not_wait_for_what_came_in_before() {
    let slow = LineFaults {
        latency: Duration::from_secs(3600),
        bandwidth: NonZeroU64::new(1),
        ..LineFaults::NONE
    };
    let mut lane = lane(1);
    lane.take(b"abc", &slow, ZERO);
    assert!(matches!(lane.next(&slow, ZERO), Next::At(_)));
    assert_eq!(lane.next(&LineFaults::NONE, millis(1)), Next::Write(Bytes::from_static(b"abc")));
}

#[test]
fn what_is_swallowed_never_arrives() {
    let hole = LineFaults::black_hole(BlackHole::Swallow);
    let mut lane = lane(1);
    lane.take(b"on its way", &LineFaults::late(millis(5)), ZERO);
    assert_eq!(lane.next(&hole, ZERO), Next::Idle);
    lane.take(b"sent into it", &hole, ZERO);
    assert_eq!(lane.next(&hole, ZERO), Next::Idle);
    assert_eq!(lane.room(&hole), IN_FLIGHT);
    lane.take(b"after", &LineFaults::NONE, ZERO);
    assert_eq!(joined(&writes(&mut lane, &LineFaults::NONE, LATE)), b"after");
}

#[test]
fn what_is_stalled_arrives_when_healed() {
    let hole = LineFaults::black_hole(BlackHole::Stall);
    let mut lane = lane(1);
    lane.take(b"on its way", &LineFaults::NONE, ZERO);
    assert_eq!(lane.next(&hole, LATE), Next::Idle);
    assert_eq!(lane.room(&hole), 0);
    assert_eq!(joined(&writes(&mut lane, &LineFaults::NONE, LATE)), b"on its way");
}

#[test]
fn a_full_lane_is_not_read_into() {
    let slow = LineFaults::late(LATE);
    let mut lane = lane(1);
    lane.take(&vec![0; IN_FLIGHT - 1], &slow, ZERO);
    assert_eq!(lane.room(&slow), 1);
    lane.take(&[0], &slow, ZERO);
    assert_eq!(lane.room(&slow), 0);
    lane.wrote(10, ZERO);
    assert_eq!(lane.room(&slow), 10);
}

#[test]
fn a_lane_full_of_single_bytes_is_not_read_into() {
    let slow = LineFaults::late(LATE);
    let mut lane = lane(1);
    (0..PIECES).for_each(|_| lane.take(&[0], &slow, ZERO));
    assert_eq!(lane.room(&slow), 0);
    lane.wrote(1, ZERO);
    assert_eq!(lane.room(&slow), IN_FLIGHT - PIECES + 1);
}

#[test]
fn a_reset_is_due_after_exactly_so_many_bytes() {
    let line = LineFaults { reset_after: Some(5), ..LineFaults::NONE };
    let mut lane = lane(1);
    lane.take(b"abc", &line, ZERO);
    lane.take(b"defg", &line, ZERO);
    assert_eq!(joined(&writes(&mut lane, &line, LATE)), b"abcde");
    assert_eq!(lane.next(&line, ZERO), Next::End(End::ResetDue));
    let fresh = LineFaults { reset_after: Some(0), ..LineFaults::NONE };
    assert_eq!(self::lane(1).next(&fresh, ZERO), Next::End(End::ResetDue));
}

#[test]
fn a_write_may_take_less_than_was_offered() {
    let mut lane = lane(1);
    lane.take(b"abc", &LineFaults::NONE, ZERO);
    lane.wrote(2, ZERO);
    assert_eq!(lane.next(&LineFaults::NONE, ZERO), Next::Write(Bytes::from_static(b"c")));
}

#[test]
fn the_end_comes_behind_the_last_byte() {
    let mut lane = lane(1);
    lane.take(b"abc", &LineFaults::NONE, ZERO);
    lane.end(End::SourceLost, ZERO);
    assert_eq!(lane.room(&LineFaults::NONE), 0);
    assert_eq!(joined(&writes(&mut lane, &LineFaults::NONE, LATE)), b"abc");
    assert_eq!(lane.next(&LineFaults::NONE, ZERO), Next::End(End::SourceLost));
}

/// What may happen to a lane whose faults only delay.
#[derive(Clone, Debug)]
enum Event {
    Read(usize),
    Wait(u64),
    Faults {
        latency: u64,
        jitter: u64,
        bandwidth: u64,
        chop: u32,
        stall: bool,
    },
    /// Writes what is due, at most so many bytes.
    Write(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let faults = (0..50_u64, 0..50_u64, 0..2000_u64, 0..20_u32, any::<bool>());
    prop_oneof![
        (1..2000_usize).prop_map(Event::Read),
        (0..100_u64).prop_map(Event::Wait),
        (1..500_usize).prop_map(Event::Write),
        faults.prop_map(|(latency, jitter, bandwidth, chop, stall)| Event::Faults {
            latency,
            jitter,
            bandwidth,
            chop,
            stall
        }),
    ]
}

proptest! {
    #[test]
    fn however_faults_change_nothing_is_lost_or_turned_around(
        seed: u64,
        events in proptest::collection::vec(event(), 1..200),
    ) {
        let (mut lane, mut line, mut now) = (lane(seed), LineFaults::NONE, ZERO);
        let (mut sent, mut arrived) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Read(bytes) => {
                    let room = lane.room(&line).min(bytes);
                    let read: Vec<u8> = (0..room).map(|at| (sent.len() + at) as u8).collect();
                    lane.take(&read, &line, now);
                    sent.extend(read);
                }
                Event::Wait(time) => now += millis(time),
                Event::Faults { latency, jitter, bandwidth, chop, stall } => {
                    line = LineFaults {
                        latency: millis(latency),
                        jitter: millis(jitter),
                        bandwidth: NonZeroU64::new(bandwidth),
                        chop: NonZeroU32::new(chop),
                        black_hole: stall.then_some(BlackHole::Stall),
                        ..LineFaults::NONE
                    };
                }
                Event::Write(most) => match lane.next(&line, now) {
                    Next::Write(bytes) => {
                        prop_assert!(!bytes.is_empty());
                        let written = bytes.len().min(most);
                        lane.wrote(written, now);
                        arrived.extend_from_slice(&bytes[..written]);
                    }
                    Next::At(due) => prop_assert!(due > now),
                    Next::Idle => prop_assert!(arrived == sent || line.black_hole.is_some()),
                    Next::End(end) => prop_assert!(false, "{end:?}"),
                },
            }
        }
        arrived.extend(joined(&writes(&mut lane, &LineFaults::NONE, LATE)));
        prop_assert_eq!(arrived, sent);
        prop_assert_eq!(lane.held, 0);
    }
}
