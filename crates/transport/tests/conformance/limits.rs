//! Groups 9 and 10: large messages, fragments of every size, and the limits on them.

use trunkline_transport::{FrameError, FrameLimits};

use super::wire::*;

fn limited(max_frame: usize, max_message: usize) -> Setting {
    Setting { compressed: false, limits: FrameLimits { max_frame, max_message } }
}

/// 9.1, 9.2: a message of some size in one frame.
#[test]
fn group_9_large_messages() {
    for len in [64 << 10, 256 << 10, 1 << 20] {
        let payload = "κ".repeat(len / 2);
        PLAIN.accepts(&[frame(FIN | TEXT, payload.as_bytes())], &[text(&payload)]);
    }
}

/// 9.3, 9.4: the same in fragments of some size.
#[test]
fn group_9_large_messages_in_fragments() {
    let payload: Vec<u8> = (0..1 << 20).map(|i: u32| ((i * 31) >> 3) as u8).collect();
    for size in [1 << 10, 64 << 10, (256 << 10) + 1] {
        PLAIN.accepts(&fragments(BINARY, &payload, size), &[binary(&payload)]);
    }
}

/// 9.5, 9.6: the same in reads of some size.
#[test]
fn group_9_large_messages_in_small_reads() {
    let payload = "é*".repeat(100_000);
    let wire = frame(FIN | TEXT, payload.as_bytes());
    for size in [13, 64, 1024, 65_521] {
        let outcome = Client::new(false, LIMITS).outcome(wire.chunks(size));
        assert_eq!(outcome, (vec![text(&payload)], Ok(())));
    }
}

#[test]
fn group_9_a_message_of_exactly_the_limit_passes() {
    let payload = "*".repeat(200);
    limited(200, 200).accepts(&[frame(FIN | TEXT, payload.as_bytes())], &[text(&payload)]);
    limited(20, 200).accepts(&fragments(TEXT, payload.as_bytes(), 20), &[text(&payload)]);
}

#[test]
fn group_9_one_byte_more_is_refused() {
    let payload = [b'*'; 201];
    limited(200, 1000).refuses(&[frame(FIN | TEXT, &payload)], &[], FrameError::FrameTooLarge);
    limited(1000, 200).refuses(&[frame(FIN | TEXT, &payload)], &[], FrameError::MessageTooLarge);
    limited(20, 200).refuses(&fragments(TEXT, &payload, 20), &[], FrameError::MessageTooLarge);
}

#[test]
fn group_9_a_control_frame_is_no_part_of_the_message() {
    limited(4, 4).accepts(
        &[frame(TEXT, b"ab"), frame(FIN | PING, &[7; 125]), frame(FIN | CONTINUATION, b"cd")],
        &[ping(&[7; 125]), text("abcd")],
    );
}

#[test]
fn group_9_the_announcement_is_enough_to_refuse() {
    // A frame of 2^62 bytes, of which nothing but the length has come.
    let mut client = Client::new(false, LIMITS);
    let header = [FIN | BINARY, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(client.send(&header), Err(FrameError::FrameTooLarge));

    // The fragment that would pass the limit, of which only the header has come.
    let mut client = Client::new(false, FrameLimits { max_frame: 100, max_message: 100 });
    client.send(&frame(BINARY, &[0; 60])).unwrap();
    let header = &frame(FIN | CONTINUATION, &[0; 60])[..6];
    assert_eq!(client.send(header), Err(FrameError::MessageTooLarge));
}

/// 10.1: a message cut into fragments of every size.
#[test]
fn group_10_every_fragment_size() {
    let payload = "auto-fragmentation, 10.1 — ✓".repeat(3);
    for size in 1..=payload.len() {
        PLAIN.accepts(&fragments(TEXT, payload.as_bytes(), size), &[text(&payload)]);
    }
}

fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut frames: Vec<_> = payload
        .chunks(size)
        .enumerate()
        .map(|(i, chunk)| frame(if i == 0 { opcode } else { CONTINUATION }, chunk))
        .collect();
    frames.last_mut().expect("some payload")[0] |= FIN;
    frames
}
