//! Decoders read the bytes of strangers: whatever comes, they answer and never panic.

use std::ops::ControlFlow;

use proptest::prelude::*;
use trunkline_core::codec::{Incoming, Malformed};
use trunkline_core::command::Request;
use trunkline_protocol::json::is_json;
use trunkline_protocol::registry::{CENTRIFUGE_JSON, CENTRIFUGE_PROTOBUF, codecs};

use crate::transcript::codec;

const TRANSCRIPTS: [&str; 4] = [
    "{\"id\":1,\"connect\":{\"token\":\"t\",\"subs\":{\"a\":{\"recover\":true,\"epoch\":\"e\",\"offset\":3}}}}\n{}",
    r#"{"id":2,"subscribe":{"channel":"chat:1","recover":true,"epoch":"\u0065","offset":5,"flag":2}}"#,
    r#"{"id":3,"publish":{"channel":"chat:1","data":{"text":"hello","list":[1,2.5e3,null]}}}"#,
    r#"{"id":7,"history":{"channel":"c","limit":-1,"since":{"offset":9,"epoch":"e"},"reverse":true}}"#,
];

/// The same in Protobuf, as an SDK writes it.
const BYTES: [&[u8]; 3] = [
    b"\x1e\x08\x02\x2a\x1a\x0a\x06chat:1\x12\x02st\x18\x01\x32\x02e1\x38\x05\x48\x01\x50\x01\x58\x01",
    b"\x10\x08\x04\x3a\x0c\x0a\x01c\x12\x07{\"a\":1}\x00",
    b"\x1b\x08\x07\x52\x17\x0a\x01c\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x42\x05\x08\x09\x12\x01e\x48\x01",
];

/// Every payload that is said to be JSON is, and fits in a line.
fn decode(
    codec: &dyn trunkline_core::codec::Codec,
    message: Incoming<'_>,
) -> Result<(), Malformed> {
    codec.decode(message, &mut |command| {
        if let Request::Publish { data, .. } | Request::Say { data } = &command.request
            && data.json
        {
            assert!(is_json(&data.bytes));
            assert!(!data.bytes.contains(&b'\n') && !data.bytes.contains(&b'\r'));
        }
        ControlFlow::Continue(())
    })
}

/// A transcript in which some bytes are others, and which may end early.
fn mutated(transcript: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(move |(changes, end, cut)| {
        let mut bytes = transcript.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        for codec in codecs() {
            let _ = decode(&*codec, Incoming::Binary(&bytes));
        }
    }

    #[test]
    fn arbitrary_text_is_survived(text in any::<String>()) {
        for codec in codecs() {
            let _ = decode(&*codec, Incoming::Text(&text));
        }
    }

    #[test]
    fn mutated_json_is_survived(
        bytes in prop::sample::select(&TRANSCRIPTS[..]).prop_flat_map(|text| mutated(text.as_bytes()))
    ) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = decode(&*codec(CENTRIFUGE_JSON), Incoming::Text(&text));
        let _ = decode(&*codec(CENTRIFUGE_JSON), Incoming::Binary(&bytes));
    }

    #[test]
    fn mutated_protobuf_is_survived(
        bytes in prop::sample::select(&BYTES[..]).prop_flat_map(mutated)
    ) {
        let _ = decode(&*codec(CENTRIFUGE_PROTOBUF), Incoming::Binary(&bytes));
    }

    /// Only the white space between commands may be added without changing what is read.
    #[test]
    fn commands_are_read_alike_alone_and_together(
        picked in prop::collection::vec(prop::sample::select(&TRANSCRIPTS[..]), 0..5),
        gap in "[ \r\n\t]{0,3}\n",
    ) {
        let shown = |message: &str| {
            let mut seen = Vec::new();
            let result = codec(CENTRIFUGE_JSON).decode(Incoming::Text(message), &mut |command| {
                seen.push(format!("{command:?}"));
                ControlFlow::Continue(())
            });
            assert_eq!(result, Ok(()));
            seen
        };
        let alone: Vec<String> = picked.iter().flat_map(|message| shown(message)).collect();
        prop_assert_eq!(shown(&picked.join(&gap)), alone);
    }
}
