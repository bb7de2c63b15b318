//! A client's bytes through the Protobuf decoder: no panic, what is said to be JSON is, and a
//! message sent twice in one is read as the same commands twice.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use trunkline_core::codec::{Incoming, Malformed};
use trunkline_core::command::Request;
use trunkline_protocol::json::is_json;
use trunkline_protocol::registry::{CENTRIFUGE_PROTOBUF, codecs};

fn commands(message: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut seen = Vec::new();
    let codec = &codecs()[usize::from(CENTRIFUGE_PROTOBUF.0)];
    codec.decode(Incoming::Binary(message), &mut |command| {
        if let Request::Publish { data, .. } = &command.request {
            assert_eq!(data.json, is_json(&data.bytes));
            let breaks = data.bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
            assert!(!(data.json && breaks));
        }
        seen.push(format!("{command:?}"));
        ControlFlow::Continue(())
    })?;
    Ok(seen)
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(once) = commands(bytes) {
        assert_eq!(commands(&bytes.repeat(2)), Ok([&once[..], &once[..]].concat()));
    }
});
