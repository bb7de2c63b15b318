//! Group 6: text is UTF-8, and what is not is refused at the first byte that shows it.

use trunkline_transport::FrameError::InvalidUtf8;

use super::wire::*;

/// Sequences from Markus Kuhn's classification, as the suite uses them: 6.5 to 6.23.
const VALID: [&str; 12] = [
    "",
    "κόσμε",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "\u{0}",
    "\u{80}",
    "\u{7FF}",
    "\u{800}",
    "\u{FFFF}",
    "\u{10000}",
    "\u{10FFFF}",
    "\u{D7FF}\u{E000}\u{FFFD}\u{FFFE}",
    "😀 and 🦀",
];

const INVALID: [&[u8]; 26] = [
    b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited",
    b"\x80",
    b"\xBF",
    b"\x80\xBF\x80",
    b"\xC0\x20\xC1\x20",
    b"\xE0\x20",
    b"\xF0\x20",
    b"\xF8\x88\x80\x80\x80",
    b"\xFC\x84\x80\x80\x80\x80",
    b"\xFE",
    b"\xFF",
    b"\xFE\xFE\xFF\xFF",
    b"\xC0\xAF",
    b"\xE0\x80\xAF",
    b"\xF0\x80\x80\xAF",
    b"\xC1\xBF",
    b"\xE0\x9F\xBF",
    b"\xF0\x8F\xBF\xBF",
    b"\xED\xA0\x80",
    b"\xED\xAF\xBF\xED\xBF\xBF",
    b"\xF4\x90\x80\x80",
    b"\xF7\xBF\xBF\xBF",
    // Ends within a character.
    b"\xC3",
    b"\xE2\x82",
    b"\xF0\x9F\x98",
    b"ok\xCE",
];

#[test]
fn group_6_valid_text() {
    for payload in VALID {
        PLAIN.accepts(&[frame(FIN | TEXT, payload.as_bytes())], &[text(payload)]);
    }
}

/// 6.2: the fragments' ends fall within characters.
#[test]
fn group_6_valid_text_fragmented_at_every_byte() {
    for payload in VALID {
        for cut in 0..=payload.len() {
            let (head, tail) = payload.as_bytes().split_at(cut);
            let frames = [frame(TEXT, head), frame(FIN | CONTINUATION, tail)];
            PLAIN.accepts(&frames, &[text(payload)]);
        }
        let bytes = payload.bytes().map(|byte| frame(CONTINUATION, &[byte]));
        let end = frame(FIN | CONTINUATION, b"");
        let frames: Vec<_> = [frame(TEXT, b"")].into_iter().chain(bytes).chain([end]).collect();
        PLAIN.accepts(&frames, &[text(payload)]);
    }
}

#[test]
fn group_6_invalid_text() {
    for payload in INVALID {
        PLAIN.refuses(&[frame(FIN | TEXT, payload)], &[], InvalidUtf8);
        for cut in 0..=payload.len() {
            let (head, tail) = payload.split_at(cut);
            let frames = [frame(TEXT, head), frame(FIN | CONTINUATION, tail)];
            PLAIN.refuses(&frames, &[], InvalidUtf8);
        }
    }
}

#[test]
fn group_6_binary_may_hold_anything() {
    for payload in INVALID {
        let (head, tail) = payload.split_at(1);
        let frames = [frame(BINARY, head), frame(FIN | CONTINUATION, tail)];
        PLAIN.accepts(&frames, &[binary(payload)]);
    }
}

/// 6.4.1, 6.4.2: refused with the fragment that is wrong, not with the last.
#[test]
fn group_6_refused_with_the_fragment_that_is_wrong() {
    let mut client = Client::new(false, LIMITS);
    client.send(&frame(TEXT, "κόσμε".as_bytes())).unwrap();
    assert_eq!(client.send(&frame(CONTINUATION, b"\xF4\x90\x80\x80")), Err(InvalidUtf8));
}

/// 6.4.3, 6.4.4: refused with the bytes that are wrong, although their frame goes on.
#[test]
fn group_6_refused_within_an_unfinished_frame() {
    let whole = frame(FIN | TEXT, "κόσμε\u{0}".as_bytes().repeat(3).as_slice());
    let mut bad = b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5".to_vec();
    let good = bad.len();
    bad.extend(b"\xF4\x90\x80\x80edited");
    let wire = frame(FIN | TEXT, &bad);
    assert!(wire.len() < whole.len());
    let header = wire.len() - bad.len();

    let mut client = Client::new(false, LIMITS);
    // F4 may begin a character; with 90 behind it, it cannot.
    client.send(&wire[..=header + good]).unwrap();
    assert_eq!(client.send(&wire[header + good + 1..][..1]), Err(InvalidUtf8));
}
