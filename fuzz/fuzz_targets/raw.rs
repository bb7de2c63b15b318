//! Text in the raw format: no panic, always one command, an argument that is JSON whatever was said,
//! and what is no JSON comes back as it was.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use trunkline_core::codec::{Codec, Incoming, Malformed};
use trunkline_core::command::Request;
use trunkline_core::reply::Reply;
use trunkline_protocol::json::is_json;
use trunkline_protocol::raw::RawCodec;

fn request(message: Incoming<'_>) -> Result<Request<'static>, Malformed> {
    let mut seen = Vec::new();
    RawCodec.decode(message, &mut |command| {
        seen.push(command.request.into_owned());
        ControlFlow::Continue(())
    })?;
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.pop().ok_or(Malformed)
}

fuzz_target!(|bytes: &[u8]| {
    let read = request(Incoming::Binary(bytes));
    let Ok(text) = str::from_utf8(bytes) else {
        assert_eq!(read, Err(Malformed));
        return;
    };
    assert_eq!(request(Incoming::Text(text)), read);
    let (method, data) = match read {
        Ok(Request::Login) => return assert!(is_json(bytes)),
        Ok(Request::Rpc { method, data }) => (method, data),
        other => panic!("{other:?}"),
    };
    assert!(is_json(&data));
    let mut echo = Vec::new();
    RawCodec.encode_reply(1, &Ok(Reply::Rpc(data.into_owned().into())), &mut echo);
    assert!(str::from_utf8(&echo).is_ok(), "frames are text");
    if !is_json(bytes) {
        assert_eq!((&*method, &*echo), ("", bytes));
    }
});
