//! Whatever the client fragments and however its bytes are cut, the messages are the same.

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline_transport::{Opcode, write_frame};

use super::wire::*;

/// A message, with how it is sent.
#[derive(Clone, Debug)]
struct Sent {
    message: Seen,
    compressed: bool,
    mask: [u8; 4],
    /// Fragment lengths; what remains is the last fragment.
    fragments: Vec<usize>,
    /// Whether a ping stands between the fragments.
    pings: bool,
}

impl Sent {
    fn wire(&self) -> (Vec<u8>, Vec<Seen>) {
        let (opcode, payload) = match &self.message {
            Seen::Text(payload) => (TEXT, payload.as_bytes()),
            Seen::Binary(payload) => (BINARY, payload.as_slice()),
            _ => unreachable!("only messages are generated"),
        };
        let mut rest = if self.compressed { deflate(payload, 15) } else { payload.to_vec() };
        let mut first = opcode | if self.compressed { RSV1 } else { 0 };
        let (mut wire, mut events) = (Vec::new(), Vec::new());
        for len in &self.fragments {
            let tail = rest.split_off((*len).min(rest.len()));
            wire.extend(masked(first, &rest, self.mask));
            first = CONTINUATION;
            rest = tail;
            if self.pings {
                wire.extend(masked(FIN | PING, b"?", self.mask));
                events.push(ping(b"?"));
            }
        }
        wire.extend(masked(FIN | first, &rest, self.mask));
        events.push(self.message.clone());
        (wire, events)
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let message = prop_oneof![
        ".{0,40}".prop_map(Seen::Text),
        vec(any::<u8>(), 0..300).prop_map(Seen::Binary),
        (60_000..70_000_usize).prop_map(|len| Seen::Binary(vec![7; len])),
    ];
    (message, any::<bool>(), any::<[u8; 4]>(), vec(0..80_usize, 0..5), any::<bool>()).prop_map(
        |(message, compressed, mask, fragments, pings)| Sent {
            message,
            compressed,
            mask,
            fragments,
            pings,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_sent_is_what_is_seen(
        messages in vec(sent(), 1..6),
        cuts in vec(1..200_usize, 1..20),
    ) {
        let (wire, events): (Vec<_>, Vec<_>) = messages.iter().map(Sent::wire).unzip();
        let (wire, events) = (wire.concat(), events.concat());
        let mut rest = &wire[..];
        let pieces = cuts.iter().cycle().map_while(|len| {
            let piece = rest.split_off(..(*len).min(rest.len()))?;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(Client::new(true, LIMITS).outcome(pieces), (events, Ok(())));
    }

    #[test]
    fn arbitrary_bytes_give_the_same_however_they_are_cut(
        bytes in vec(any::<u8>(), 0..400),
        compressed in any::<bool>(),
        size in 1..50_usize,
    ) {
        let whole = Client::new(compressed, LIMITS).outcome([&bytes[..]]);
        let cut = Client::new(compressed, LIMITS).outcome(bytes.chunks(size));
        prop_assert_eq!(whole, cut);
    }

    /// The server's frames differ from a client's by nothing but the mask.
    #[test]
    fn the_writer_agrees_with_the_reader(
        len in prop_oneof![0..300_usize, 65_000..66_000_usize],
        byte in any::<u8>(),
    ) {
        let payload = vec![byte; len];
        let mut written = Vec::new();
        write_frame(&mut written, Opcode::Binary, false, &payload);
        let mut client = masked(FIN | BINARY, &payload, [0; 4]);
        let header = client.len() - payload.len() - 4;
        client[1] &= 0x7F;
        client.drain(header..header + 4);
        prop_assert!(written == client);
    }
}
