//! A request head and the WebSocket upgrade: no panic, and no answer that the client wrote.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline_transport::{
    DeflateOptions, HeadLimits, OriginPolicy, UpgradePolicy, accept, parse_head, percent_decode,
};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_headers: 32 };

/// Everything that an answer may consist of beside the accept key.
const LINES: [&str; 7] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: ",
    "Sec-WebSocket-Protocol: centrifuge-json",
    "Sec-WebSocket-Protocol: centrifuge-protobuf",
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
     client_no_context_takeover",
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(head)) = parse_head(bytes, &LIMITS) else { return };
    assert!(head.len <= LIMITS.max_bytes);
    assert!(head.headers().count() <= LIMITS.max_headers);
    assert!(!head.path.contains('?'));
    let exactly = parse_head(&bytes[..head.len], &LIMITS);
    assert!(matches!(exactly, Ok(Some(same)) if same.len == head.len), "what follows is no matter");

    let _ = percent_decode(head.path);
    let _ = head.query_param("channels");
    let policy = UpgradePolicy {
        origins: OriginPolicy::List(vec!["https://chat.example".into()]),
        deflate: DeflateOptions { enabled: true },
    };
    let mut out = Vec::new();
    match accept(&head, &["centrifuge-json", "centrifuge-protobuf"], &policy, &mut out) {
        Ok(accepted) => {
            assert!(head.method == "GET" && head.wants_upgrade());
            assert!(accepted.deflate.is_none_or(|bits| (9..=15).contains(&bits)));
            let answer = str::from_utf8(&out).expect("ASCII");
            let answer = answer.strip_suffix("\r\n\r\n").expect("a complete head");
            for line in answer.split("\r\n") {
                assert!(LINES.iter().any(|known| line.starts_with(known)), "{line}");
            }
        }
        Err(error) => {
            assert!(out.is_empty());
            error.write_response(&mut out);
            assert!(out.starts_with(b"HTTP/1.1 4"));
        }
    }
});
