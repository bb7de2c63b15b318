//! Group 7: the closing handshake.

use std::ops::ControlFlow;

use trunkline_transport::{Decoder, FrameError, Inflater};

use super::wire::*;

/// 7.1.1 to 7.1.6: whatever follows a close is not read.
#[test]
fn group_7_a_close_is_the_last_event() {
    let close = frame(FIN | CLOSE, &close_payload(1000, b"bye"));
    for after in [
        vec![],
        frame(FIN | CLOSE, b""),
        frame(FIN | PING, b"late"),
        frame(FIN | TEXT, b"late"),
        frame(FIN | TEXT, b"\xFF"),
        vec![0xFF; 32],
    ] {
        PLAIN.accepts(
            &[frame(FIN | TEXT, b"hello"), close.clone(), after],
            &[text("hello"), closed(1000, "bye")],
        );
    }
    PLAIN.accepts(
        &[frame(TEXT, b"frag"), close, frame(FIN | CONTINUATION, b"ment")],
        &[closed(1000, "bye")],
    );
}

/// 7.3.
#[test]
fn group_7_close_payloads() {
    PLAIN.accepts(&[frame(FIN | CLOSE, b"")], &[Seen::Close(None)]);
    PLAIN.refuses(&[frame(FIN | CLOSE, b"a")], &[], FrameError::ClosePayload);
    PLAIN.accepts(&[frame(FIN | CLOSE, &close_payload(1000, b""))], &[closed(1000, "")]);
    let reason = "*".repeat(123);
    let payload = close_payload(1000, reason.as_bytes());
    PLAIN.accepts(&[frame(FIN | CLOSE, &payload)], &[closed(1000, &reason)]);
    let payload = close_payload(1000, &[b'*'; 124]);
    PLAIN.refuses(&[frame(FIN | CLOSE, &payload)], &[], FrameError::OversizedControl);
}

/// 7.5.
#[test]
fn group_7_the_reason_is_text() {
    let payload = close_payload(1000, "κόσμε".as_bytes());
    PLAIN.accepts(&[frame(FIN | CLOSE, &payload)], &[closed(1000, "κόσμε")]);
    let payload = close_payload(1000, b"\xCE\xBA\xED\xA0\x80");
    PLAIN.refuses(&[frame(FIN | CLOSE, &payload)], &[], FrameError::InvalidUtf8);
}

/// 7.7, 7.9, 7.13: every code there is.
#[test]
fn group_7_close_codes() {
    for code in 0..=u16::MAX {
        let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let outcome = Client::new(false, LIMITS)
            .outcome([&frame(FIN | CLOSE, &close_payload(code, b"why"))[..]]);
        let expected = if valid {
            (vec![closed(code, "why")], Ok(()))
        } else {
            (vec![], Err(FrameError::CloseCode))
        };
        assert_eq!(outcome, expected, "{code}");
    }
}

#[test]
fn nothing_is_read_after_a_refusal() {
    let mut client = Client::new(false, LIMITS);
    client.send(&frame(TEXT, b"open")).unwrap();
    client.send(&frame(FIN | TEXT, b"second")).unwrap_err();
    assert!(client.is_idle(), "what was incomplete is freed");
    client.send(&frame(FIN | TEXT, b"third")).unwrap();
    assert_eq!(client.outcome([]), (vec![], Ok(())));
}

#[test]
fn nothing_is_read_after_the_sink_breaks() {
    let mut input = [frame(FIN | TEXT, b"one"), frame(FIN | TEXT, b"two"), vec![0xFF; 9]].concat();
    let (mut decoder, mut inflater) = (Decoder::new(false), Inflater::new());
    let mut calls = 0;
    for _ in 0..2 {
        decoder
            .feed(&mut input, &LIMITS, &mut inflater, &mut |_| {
                calls += 1;
                ControlFlow::Break(())
            })
            .unwrap();
    }
    assert_eq!(calls, 1);
}

#[test]
fn refusals_carry_the_code_the_rfc_gives_them() {
    for (error, code) in [
        (FrameError::Unmasked, 1002),
        (FrameError::CloseCode, 1002),
        (FrameError::InvalidUtf8, 1007),
        (FrameError::InvalidDeflate, 1007),
        (FrameError::FrameTooLarge, 1009),
        (FrameError::MessageTooLarge, 1009),
    ] {
        assert_eq!(error.close_code(), code);
        assert!(error.reason().len() <= 123);
    }
}
