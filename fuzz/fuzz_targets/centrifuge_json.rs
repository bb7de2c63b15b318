//! A client's text through the JSON decoders: no panic, what is said to be JSON is, and a message
//! sent twice in one is read as the same commands twice.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use trunkline_core::codec::{CodecId, Incoming, Malformed};
use trunkline_core::command::Request;
use trunkline_protocol::json::is_json;
use trunkline_protocol::registry::{CENTRIFUGE_JSON, PLAIN, codecs};

fn commands(codec: CodecId, message: Incoming<'_>) -> Result<Vec<String>, Malformed> {
    let mut seen = Vec::new();
    codecs()[usize::from(codec.0)].decode(message, &mut |command| {
        if let Request::Publish { data, .. } = &command.request {
            assert_eq!(data.json, is_json(&data.bytes));
            assert!(!data.bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')));
        }
        seen.push(format!("{command:?}"));
        ControlFlow::Continue(())
    })?;
    Ok(seen)
}

fuzz_target!(|bytes: &[u8]| {
    let read = commands(CENTRIFUGE_JSON, Incoming::Binary(bytes));
    let Ok(text) = str::from_utf8(bytes) else {
        assert_eq!(read, Err(Malformed));
        return;
    };
    assert_eq!(commands(CENTRIFUGE_JSON, Incoming::Text(text)), read);
    assert_eq!(commands(PLAIN, Incoming::Text(text)), read);
    if let Ok(once) = read {
        let twice = commands(CENTRIFUGE_JSON, Incoming::Text(&format!("{text}\n{text}")));
        assert_eq!(twice, Ok([&once[..], &once[..]].concat()));
    }
});
