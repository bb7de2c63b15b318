//! Groups 1 to 5: framing, pings and pongs, reserved bits, opcodes, fragmentation.

use trunkline_transport::FrameError;

use super::wire::*;

/// 1.1, 1.2: messages of every length form, text and binary.
#[test]
fn group_1_messages_of_every_size() {
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
        let payload = "*".repeat(len);
        PLAIN.accepts(&[frame(FIN | TEXT, payload.as_bytes())], &[text(&payload)]);
        let payload = vec![0xFE; len];
        PLAIN.accepts(&[frame(FIN | BINARY, &payload)], &[binary(&payload)]);
    }
}

#[test]
fn group_1_every_mask_is_taken_off() {
    for mask in [[0, 0, 0, 0], [0xFF; 4], [1, 2, 3, 4]] {
        let payload = "masked payload of some length";
        PLAIN.accepts(&[masked(FIN | TEXT, payload.as_bytes(), mask)], &[text(payload)]);
    }
}

#[test]
fn group_1_unmasked_frames_are_refused() {
    PLAIN.refuses(&[vec![FIN | TEXT, 2, b'h', b'i']], &[], FrameError::Unmasked);
    PLAIN.refuses(
        &[frame(FIN | TEXT, b"one"), vec![FIN | PING, 0]],
        &[text("one")],
        FrameError::Unmasked,
    );
}

#[test]
fn group_1_lengths_have_one_form() {
    let long_form = |len: &[u8]| [&[FIN | BINARY][..], len, &[0; 4]].concat();
    for len in [
        &[0xFE, 0, 125][..],
        &[0xFF, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
        &[0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    ] {
        PLAIN.refuses(&[long_form(len)], &[], FrameError::LengthEncoding);
    }
}

#[test]
fn group_2_pings_and_pongs() {
    for payload in [&b""[..], b"Hello, world!", b"\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF", &[0xFE; 125]] {
        PLAIN.accepts(&[frame(FIN | PING, payload)], &[ping(payload)]);
        PLAIN.accepts(&[frame(FIN | PONG, payload)], &[pong(payload)]);
    }
    // 2.9: an unasked pong, then a ping.
    PLAIN.accepts(
        &[frame(FIN | PONG, b"unasked"), frame(FIN | PING, b"asked")],
        &[pong(b"unasked"), ping(b"asked")],
    );
    // 2.10, 2.11: many in a row.
    let (frames, events): (Vec<_>, Vec<_>) =
        (0..10_u8).map(|i| (frame(FIN | PING, &[i]), ping(&[i]))).unzip();
    PLAIN.accepts(&frames, &events);
}

#[test]
fn group_2_control_frames_are_short_and_whole() {
    PLAIN.refuses(&[frame(FIN | PING, &[0xFE; 126])], &[], FrameError::OversizedControl);
    PLAIN.refuses(&[frame(FIN | PONG, &[0; 70_000])], &[], FrameError::OversizedControl);
    PLAIN.refuses(&[frame(PING, b"")], &[], FrameError::FragmentedControl);
    PLAIN.refuses(&[frame(CLOSE, b"")], &[], FrameError::FragmentedControl);
}

#[test]
fn group_3_reserved_bits() {
    for rsv in 1..8_u8 {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            PLAIN.refuses(
                &[frame(FIN | TEXT, b"ok"), frame(FIN | rsv << 4 | opcode, b"Hello")],
                &[text("ok")],
                FrameError::ReservedBits,
            );
        }
    }
}

#[test]
fn group_3_compression_claims_only_the_first_bit_of_the_first_frame() {
    for rsv in [1, 2, 3, 5, 6, 7] {
        let frames = [frame(FIN | rsv << 4 | TEXT, b"Hello")];
        COMPRESSED.refuses(&frames, &[], FrameError::ReservedBits);
    }
    for opcode in [CLOSE, PING, PONG] {
        let frames = [frame(FIN | RSV1 | opcode, b"")];
        COMPRESSED.refuses(&frames, &[], FrameError::ReservedBits);
    }
    let hello = deflate(b"Hello", 15);
    let frames = [frame(RSV1 | TEXT, &hello[..3]), frame(FIN | RSV1 | CONTINUATION, &hello[3..])];
    COMPRESSED.refuses(&frames, &[], FrameError::ReservedBits);
}

#[test]
fn group_4_reserved_opcodes() {
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        for payload in [&b""[..], b"reserved"] {
            PLAIN.refuses(
                &[frame(FIN | TEXT, b"ok"), frame(FIN | opcode, payload)],
                &[text("ok")],
                FrameError::ReservedOpcode,
            );
        }
    }
}

/// 5.3 to 5.8: fragments, also with a ping between them.
#[test]
fn group_5_fragmented_messages() {
    PLAIN.accepts(&[frame(TEXT, b"frag"), frame(FIN | CONTINUATION, b"ment")], &[text("fragment")]);
    PLAIN.accepts(
        &[frame(BINARY, &[1]), frame(FIN | PING, b"?"), frame(FIN | CONTINUATION, &[2])],
        &[ping(b"?"), binary(&[1, 2])],
    );
    PLAIN.accepts(
        &[frame(TEXT, b""), frame(CONTINUATION, b""), frame(FIN | CONTINUATION, b"")],
        &[text("")],
    );
    PLAIN.accepts(
        &[frame(TEXT, b""), frame(CONTINUATION, b"middle"), frame(FIN | CONTINUATION, b"")],
        &[text("middle")],
    );
}

/// 5.1, 5.2.
#[test]
fn group_5_control_frames_cannot_be_fragmented() {
    for opcode in [PING, PONG] {
        let frames = [frame(opcode, b"frag"), frame(FIN | CONTINUATION, b"ment")];
        PLAIN.refuses(&frames, &[], FrameError::FragmentedControl);
    }
}

/// 5.9 to 5.14: continuations of nothing.
#[test]
fn group_5_nothing_to_continue() {
    for fin in [0, FIN] {
        PLAIN.refuses(
            &[frame(fin | CONTINUATION, b"lost"), frame(FIN | TEXT, b"never")],
            &[],
            FrameError::UnexpectedContinuation,
        );
    }
    PLAIN.refuses(
        &[frame(TEXT, b"a"), frame(FIN | CONTINUATION, b"b"), frame(CONTINUATION, b"c")],
        &[text("ab")],
        FrameError::UnexpectedContinuation,
    );
}

/// 5.18.
#[test]
fn group_5_messages_do_not_interleave() {
    for opcode in [TEXT, BINARY] {
        PLAIN.refuses(
            &[frame(TEXT, b"one"), frame(FIN | opcode, b"two")],
            &[],
            FrameError::InterleavedMessage,
        );
    }
}

/// 5.19, 5.20.
#[test]
fn group_5_pings_between_many_fragments() {
    PLAIN.accepts(
        &[
            frame(TEXT, b"1"),
            frame(CONTINUATION, b"2"),
            frame(FIN | PING, b"a"),
            frame(CONTINUATION, b"3"),
            frame(CONTINUATION, b"4"),
            frame(FIN | PING, b"b"),
            frame(FIN | CONTINUATION, b"5"),
            frame(FIN | TEXT, b"next"),
        ],
        &[ping(b"a"), ping(b"b"), text("12345"), text("next")],
    );
}

#[test]
fn memory_is_held_only_while_something_is_incomplete() {
    let ping = frame(FIN | PING, b"?");
    let mut client = Client::new(false, LIMITS);
    assert!(client.is_idle());
    client.send(&frame(FIN | TEXT, b"whole")).unwrap();
    assert!(client.is_idle(), "whole frames hold nothing");
    client.send(&ping[..1]).unwrap();
    assert!(!client.is_idle(), "half a header");
    client.send(&ping[1..]).unwrap();
    assert!(client.is_idle());
    client.send(&ping[..6]).unwrap();
    assert!(!client.is_idle(), "a payload is to come");
    client.send(&ping[6..]).unwrap();
    assert!(client.is_idle());
    client.send(&frame(TEXT, b"fragment")).unwrap();
    client.send(&ping).unwrap();
    assert!(!client.is_idle(), "a message is open");
    client.send(&frame(FIN | CONTINUATION, b"end")).unwrap();
    assert!(client.is_idle());
}
