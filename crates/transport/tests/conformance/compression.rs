//! Groups 12 and 13: compressed messages, of every size and window.

use trunkline_transport::{FrameError, FrameLimits};

use super::wire::*;

/// JSON-like text of some length, compressible but not trivially so.
fn prose(len: usize) -> String {
    let mut text: String = (0_u64..)
        .map(|i| format!("{{\"id\":{i},\"v\":\"{:x}\"}}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .scan(0, |total, item| {
            let before = *total;
            *total += item.len();
            (before < len).then_some(item)
        })
        .collect();
    text.truncate(len);
    text
}

/// 12.1 to 12.5: sizes.
#[test]
fn group_12_messages_of_every_size() {
    for len in [0, 1, 16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072] {
        let payload = prose(len);
        let compressed = deflate(payload.as_bytes(), 15);
        COMPRESSED.accepts(&[frame(FIN | RSV1 | TEXT, &compressed)], &[text(&payload)]);
        COMPRESSED
            .accepts(&[frame(FIN | RSV1 | BINARY, &compressed)], &[binary(payload.as_bytes())]);
    }
}

/// 13: the client may use any window.
#[test]
fn group_13_every_client_window() {
    let payload = prose(100_000);
    for window_bits in 9..=15 {
        let compressed = deflate(payload.as_bytes(), window_bits);
        COMPRESSED.accepts(&[frame(FIN | RSV1 | TEXT, &compressed)], &[text(&payload)]);
    }
}

#[test]
fn group_13_compressed_fragments_with_a_ping_between() {
    let payload = prose(500);
    let compressed = deflate(payload.as_bytes(), 15);
    for cut in 0..=compressed.len() {
        let (head, tail) = compressed.split_at(cut);
        let frames =
            [frame(RSV1 | TEXT, head), frame(FIN | PING, b"?"), frame(FIN | CONTINUATION, tail)];
        let outcome = Client::new(true, LIMITS).outcome([&frames.concat()[..]]);
        assert_eq!(outcome, (vec![ping(b"?"), text(&payload)], Ok(())), "{cut}");
    }
}

#[test]
fn group_13_every_message_stands_alone_and_may_be_plain() {
    let payload = prose(300);
    let compressed = deflate(payload.as_bytes(), 15);
    COMPRESSED.accepts(
        &[
            frame(FIN | RSV1 | TEXT, &compressed),
            frame(FIN | TEXT, b"plain"),
            frame(FIN | RSV1 | TEXT, &compressed),
        ],
        &[text(&payload), text("plain"), text(&payload)],
    );
}

/// The examples of RFC 7692 section 7.2.3.
#[test]
fn group_13_examples_of_the_rfc() {
    for payload in [
        // One block; two blocks; a stored block; a final block; two blocks again.
        &b"\xF2\x48\xCD\xC9\xC9\x07\x00"[..],
        b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00",
        b"\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00",
        b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00",
        b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00",
    ] {
        COMPRESSED.accepts(&[frame(FIN | RSV1 | TEXT, payload)], &[text("Hello")]);
    }
    // An empty message, as the RFC has it and as some peers send it.
    COMPRESSED.accepts(&[frame(FIN | RSV1 | TEXT, b"\x00")], &[text("")]);
    COMPRESSED.accepts(&[frame(FIN | RSV1 | TEXT, b"")], &[text("")]);
}

#[test]
fn group_13_what_does_not_inflate_is_refused() {
    let compressed = deflate(prose(300).as_bytes(), 15);
    let cut_short = &compressed[..compressed.len() / 2];
    for payload in [&b"\xFF\xFF\xFF\xFF"[..], b"Hello", cut_short] {
        let frames = [frame(FIN | RSV1 | TEXT, payload)];
        COMPRESSED.refuses(&frames, &[], FrameError::InvalidDeflate);
    }
}

#[test]
fn group_13_inflated_text_is_checked() {
    let frames = [frame(FIN | RSV1 | TEXT, &deflate(b"\xCE\xBA\xED\xA0\x80", 15))];
    COMPRESSED.refuses(&frames, &[], FrameError::InvalidUtf8);
}

#[test]
fn group_13_the_limit_holds_for_what_is_inflated() {
    let setting =
        Setting { compressed: true, limits: FrameLimits { max_frame: 1 << 20, max_message: 1000 } };
    let most = "*".repeat(1000);
    let frames = [frame(FIN | RSV1 | TEXT, &deflate(most.as_bytes(), 15))];
    setting.accepts(&frames, &[text(&most)]);
    // A message that does not get smaller may take a little more on the wire than it will be.
    let noise: Vec<u8> = std::iter::successors(Some(1_u64), |x| {
        Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|x| (x >> 56) as u8)
    .take(1000)
    .collect();
    assert!(deflate(&noise, 15).len() > 1000);
    let frames = [frame(FIN | RSV1 | BINARY, &deflate(&noise, 15))];
    setting.accepts(&frames, &[binary(&noise)]);

    let frames = [frame(FIN | RSV1 | TEXT, &deflate(&[b'*'; 1001], 15))];
    setting.refuses(&frames, &[], FrameError::MessageTooLarge);
    let frames = [frame(FIN | RSV1 | BINARY, &[0; 1200])];
    setting.refuses(&frames, &[], FrameError::MessageTooLarge);
}
