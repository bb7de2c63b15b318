//! The decoder against `tungstenite`, on frames with random bytes changed: the same messages
//! before the first refusal, and a refusal in the same cases.
//!
//! Differences that are meant: `tungstenite` takes lengths that are not in their shortest form,
//! so also control frames that write 0 in 64 bits; it takes a few reserved close codes; and it
//! looks at a frame only once it is complete.

use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline_transport::FrameError;
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::wire::*;

/// A client that has sent everything it will ever send, and listens to nothing.
struct Sent<'a>(&'a [u8]);

impl Read for Sent<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Sent<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `tungstenite` sees, and whether it then refuses.
fn theirs(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let mut socket = WebSocket::from_raw_socket(Sent(bytes), Role::Server, None);
    let mut seen = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(payload)) => seen.push(text(payload.as_str())),
            Ok(Message::Binary(payload)) => seen.push(binary(&payload)),
            Ok(Message::Ping(payload)) => seen.push(ping(&payload)),
            Ok(Message::Pong(payload)) => seen.push(pong(&payload)),
            Ok(Message::Close(None)) => seen.push(Seen::Close(None)),
            Ok(Message::Close(Some(close))) => {
                seen.push(closed(close.code.into(), close.reason.as_str()));
            }
            Ok(Message::Frame(_)) => unreachable!("never given out by a read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return (seen, false);
            }
            Err(Error::ConnectionClosed) => return (seen, false),
            Err(_) => return (seen, true),
        }
        if matches!(seen.last(), Some(Seen::Close(_))) {
            return (seen, false);
        }
    }
}

fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        Just(FIN | TEXT),
        Just(FIN | BINARY),
        Just(TEXT),
        Just(CONTINUATION),
        Just(FIN | CONTINUATION),
        Just(FIN | PING),
        Just(FIN | PONG),
        Just(FIN | CLOSE),
    ];
    let payload = prop_oneof![
        "[a-zé€]{0,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..20),
        Just(close_payload(1000, b"bye")),
        Just(vec![b'x'; 130]),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn both_accept_or_both_refuse(
        frames in vec(some_frame(), 1..6),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = frames.concat();
        for (index, byte) in changes {
            *index.get_mut(&mut bytes) = byte;
        }
        // Completes a frame whose length was changed, unless it became a very long one.
        bytes.extend(frame(FIN | TEXT, b"end").repeat(40));

        let (ours, result) = Client::new(false, LIMITS).outcome([&bytes[..]]);
        let (theirs, refused) = theirs(&bytes);
        use FrameError::{CloseCode, LengthEncoding, OversizedControl};
        if let Err(LengthEncoding | OversizedControl | CloseCode) = result {
            return Ok(());
        }
        prop_assert_eq!(ours, theirs, "{:?}", result);
        prop_assert!(result.is_err() || !refused, "only tungstenite refuses");
    }
}
