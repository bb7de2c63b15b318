//! Request heads and the upgrade, bytes in and bytes out.

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline_transport::{
    Accepted, DeflateOptions, Head, HeadError, HeadLimits, OriginPolicy, UpgradeError,
    UpgradePolicy, accept, parse_head,
};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 8192, max_headers: 64 };

fn parse(bytes: &[u8]) -> Head<'_> {
    parse_head(bytes, &LIMITS).expect("well-formed").expect("complete")
}

/// The example of RFC 6455 section 1.3, with some headers replaced (`Name: value`), removed
/// (`Name`) or added.
fn handshake(changes: &[&str]) -> String {
    let mut headers = vec![
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ];
    for change in changes {
        let name = change.split(':').next().expect("split gives one at least");
        headers.retain(|header| header.split(':').next() != Some(name));
        if change.contains(':') {
            headers.push(change);
        }
    }
    format!("GET /chat HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"))
}

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                        Connection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The answer to a handshake, and what was agreed.
fn answer(request: &str, policy: &UpgradePolicy) -> (Result<Accepted, UpgradeError>, String) {
    let mut out = Vec::new();
    let result = accept(
        &parse(request.as_bytes()),
        &["centrifuge-json", "centrifuge-protobuf"],
        policy,
        &mut out,
    );
    if let Err(error) = result {
        assert!(out.is_empty(), "a refusal appends nothing by itself");
        error.write_response(&mut out);
    }
    (result, String::from_utf8(out).expect("ASCII"))
}

#[test]
fn a_head_is_taken_apart() {
    let bytes = b"GET /ws?channels=a%2Cb&x&msg=h+i&channels=c HTTP/1.1\r\nHost: h\r\n\
                  X-Two: 1\r\nx-two: 2\r\n\r\nbody";
    let head = parse(bytes);
    assert_eq!((head.method, head.path), ("GET", "/ws"));
    assert_eq!(head.query, "channels=a%2Cb&x&msg=h+i&channels=c");
    assert_eq!(&bytes[head.len..], b"body");
    assert_eq!(head.header("HOST"), Some("h"));
    assert_eq!(head.header("X-TWO"), Some("1"), "the first");
    assert_eq!(head.header("absent"), None);
    assert_eq!(head.headers().count(), 3);
    assert_eq!(head.query_param("channels").as_deref(), Some("a,b"));
    assert_eq!(head.query_param("msg").as_deref(), Some("h i"));
    assert_eq!(head.query_param("x").as_deref(), Some(""));
    assert_eq!(head.query_param("chan"), None);
    assert!(!head.wants_upgrade());
}

#[test]
fn targets() {
    for (target, path, query) in [
        ("/", "/", ""),
        ("/a%20b", "/a%20b", ""),
        ("/a?", "/a", ""),
        ("/a?b?c", "/a", "b?c"),
        ("*", "*", ""),
        ("http://host/a?b", "/a", "b"),
        ("http://host?b", "/", "b"),
        ("http://host", "/", ""),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n\r\n");
        let head = parse(request.as_bytes());
        assert_eq!((head.path, head.query), (path, query), "{target}");
    }
}

#[test]
fn a_head_is_complete_only_at_its_end() {
    let bytes = handshake(&[]).into_bytes();
    for len in 0..bytes.len() {
        assert!(parse_head(&bytes[..len], &LIMITS).expect("no error yet").is_none());
    }
    assert_eq!(parse(&bytes).len, bytes.len());
}

#[test]
fn limits_on_heads() {
    let head = |bytes: &[u8], max_bytes, max_headers| {
        parse_head(bytes, &HeadLimits { max_bytes, max_headers }).map(|head| head.is_some())
    };
    let bytes = handshake(&[]).into_bytes();
    assert_eq!(head(&bytes, bytes.len(), 5), Ok(true));
    assert_eq!(head(&bytes, bytes.len() - 1, 5), Err(HeadError::TooLarge));
    assert_eq!(head(&bytes, bytes.len(), 4), Err(HeadError::TooManyHeaders));
    let begun = b"GET /aaaaaaaaaaaaaaa";
    assert_eq!(head(begun, begun.len() + 1, 5), Ok(false));
    assert_eq!(head(begun, begun.len(), 5), Err(HeadError::TooLarge), "it cannot end any more");
    assert_eq!(HeadError::TooLarge.status(), 431);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(129));
    assert_eq!(head(many.as_bytes(), 8192, 1000), Err(HeadError::TooManyHeaders));
}

#[test]
fn what_is_no_request() {
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..],
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\n\r\n",
        b"CONNECT host:443 HTTP/1.1\r\n\r\n",
        b"\xFF\xFE",
    ] {
        assert_eq!(parse_head(bytes, &LIMITS).err(), Some(HeadError::Malformed));
    }
}

#[test]
fn a_value_that_is_no_text_is_there_all_the_same() {
    let bytes = b"GET / HTTP/1.1\r\nOrigin: http://\xFF\r\n\r\n";
    let origin = parse(bytes).header("origin").map(str::to_owned);
    assert!(!OriginPolicy::List(Vec::new()).allows(origin.as_deref(), Some("chat.example")));
}

#[test]
fn the_example_of_the_rfc() {
    let (result, response) = answer(&handshake(&[]), &UpgradePolicy::default());
    assert_eq!(result, Ok(Accepted { subprotocol: None, deflate: None }));
    assert_eq!(response, format!("{ACCEPTED}\r\n"));
}

#[test]
fn connection_and_upgrade_are_lists_in_any_case() {
    for changes in [
        &["Connection: keep-alive, Upgrade"][..],
        &["Connection: UPGRADE", "Upgrade: WebSocket"],
        &["Upgrade: h2c, websocket"],
    ] {
        answer(&handshake(changes), &UpgradePolicy::default()).0.expect("an upgrade");
    }
}

#[test]
fn subprotocols() {
    for (offered, chosen) in [
        ("Sec-WebSocket-Protocol: centrifuge-protobuf", Some(1)),
        ("Sec-WebSocket-Protocol: other, centrifuge-protobuf, centrifuge-json", Some(1)),
        ("Sec-WebSocket-Protocol: centrifuge-json,centrifuge-protobuf", Some(0)),
        ("Sec-WebSocket-Protocol: other", None),
        ("Sec-WebSocket-Protocol: Centrifuge-JSON", None),
        ("Sec-WebSocket-Protocol: ,, ,", None),
        // Some clients send the header with nothing in it.
        ("Sec-WebSocket-Protocol: ", None),
        ("Sec-WebSocket-Protocol:", None),
    ] {
        let (result, response) = answer(&handshake(&[offered]), &UpgradePolicy::default());
        assert_eq!(result.expect("an upgrade").subprotocol, chosen, "{offered}");
        let expected = match chosen {
            Some(0) => format!("{ACCEPTED}Sec-WebSocket-Protocol: centrifuge-json\r\n\r\n"),
            Some(_) => format!("{ACCEPTED}Sec-WebSocket-Protocol: centrifuge-protobuf\r\n\r\n"),
            None => format!("{ACCEPTED}\r\n"),
        };
        assert_eq!(response, expected);
    }
}

#[test]
fn compression_is_agreed_to_only_where_it_is_on() {
    let request =
        handshake(&["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, \
         permessage-deflate"]);
    let (result, response) = answer(&request, &UpgradePolicy::default());
    assert_eq!(result.expect("an upgrade").deflate, None);
    assert_eq!(response, format!("{ACCEPTED}\r\n"));

    let policy = UpgradePolicy { deflate: DeflateOptions { enabled: true }, ..Default::default() };
    let (result, response) = answer(&request, &policy);
    assert_eq!(result.expect("an upgrade").deflate, Some(10));
    assert_eq!(
        response,
        format!(
            "{ACCEPTED}Sec-WebSocket-Extensions: permessage-deflate; \
             server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10\r\n\r\n"
        )
    );

    let request = handshake(&["Sec-WebSocket-Extensions: x-unknown"]);
    assert_eq!(answer(&request, &policy).0.expect("an upgrade").deflate, None);
}

#[test]
fn origins() {
    let policy = UpgradePolicy {
        origins: OriginPolicy::List(vec!["https://chat.example".into()]),
        ..Default::default()
    };
    for (origin, allowed) in [
        ("Origin", true),
        ("Origin: https://CHAT.example:443", true),
        ("Origin: https://evil.example", false),
        ("Origin: null", false),
        ("Origin: ", false),
    ] {
        let (result, _) = answer(&handshake(&[origin]), &policy);
        assert_eq!(result.is_ok(), allowed, "{origin}");
    }
}

#[test]
fn a_stream_without_an_origin_is_not_for_foreign_pages() {
    let policy = OriginPolicy::List(vec!["https://chat.example".into()]);
    let said = |site: &str, mode: &str, dest: &str| {
        format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n")
    };
    for (what, fields, allowed) in [
        ("no browser", String::new(), true),
        ("the fetch of Node.js", "sec-fetch-mode: cors\r\n".into(), true),
        ("its own EventSource", said("same-origin", "cors", "empty"), true),
        ("its own fetch", said("same-origin", "same-origin", "empty"), true),
        ("an extension", said("none", "cors", "empty"), true),
        ("a foreign image", said("cross-site", "no-cors", "image"), false),
        ("a foreign script", said("cross-site", "no-cors", "script"), false),
        ("a foreign fetch", said("cross-site", "no-cors", "empty"), false),
        ("a foreign link", said("cross-site", "navigate", "document"), false),
        ("a page of a sibling host", said("same-site", "no-cors", "empty"), false),
        ("the address bar", said("none", "navigate", "document"), false),
        ("an own image", said("same-origin", "no-cors", "image"), false),
        ("an own script as a module", said("same-origin", "cors", "script"), false),
        ("nothing but another site", "Sec-Fetch-Site: cross-site\r\n".into(), false),
        ("two that differ", "Sec-Fetch-Mode: cors\r\nSec-Fetch-Mode: no-cors\r\n".into(), false),
    ] {
        let request = format!("GET /sse HTTP/1.1\r\nHost: rt.example\r\n{fields}\r\n");
        let head = parse(request.as_bytes());
        assert_eq!(policy.allows_stream(&head), allowed, "{what}");
        assert!(OriginPolicy::Any.allows_stream(&head), "{what}");
    }
    for (origin, site, allowed) in [
        ("https://chat.example", "cross-site", true),
        ("https://rt.example", "same-origin", true),
        ("https://evil.example", "cross-site", false),
        ("https://evil.example", "same-origin", false),
    ] {
        let fields = said(site, "cors", "empty");
        let request =
            format!("GET /sse HTTP/1.1\r\nHost: rt.example\r\nOrigin: {origin}\r\n{fields}\r\n");
        assert_eq!(policy.allows_stream(&parse(request.as_bytes())), allowed, "{origin}");
    }
}

#[test]
fn refusals() {
    let policy = UpgradePolicy { origins: OriginPolicy::List(Vec::new()), ..Default::default() };
    let post = handshake(&[]).replace("GET", "POST");
    let old = handshake(&[]).replace("HTTP/1.1", "HTTP/1.0");
    for (request, error, status, header) in [
        (post, UpgradeError::MethodNotGet, "405 Method Not Allowed", "Allow: GET"),
        (old, UpgradeError::NotWebSocket, "426 Upgrade Required", "Upgrade: websocket"),
        (handshake(&["Upgrade"]), UpgradeError::NotWebSocket, "426", "Upgrade: websocket"),
        (
            handshake(&["Connection: close"]),
            UpgradeError::NotWebSocket,
            "426",
            "Upgrade: websocket",
        ),
        (handshake(&["Host"]), UpgradeError::MissingHost, "400 Bad Request", ""),
        (
            handshake(&["Sec-WebSocket-Version"]),
            UpgradeError::BadVersion,
            "426",
            "Sec-WebSocket-Version: 13",
        ),
        (
            handshake(&["Sec-WebSocket-Version: 8"]),
            UpgradeError::BadVersion,
            "426",
            "Sec-WebSocket-Version: 13",
        ),
        (handshake(&["Sec-WebSocket-Key"]), UpgradeError::BadKey, "400", ""),
        (handshake(&["Sec-WebSocket-Key: c2hvcnQ="]), UpgradeError::BadKey, "400", ""),
        (handshake(&["Sec-WebSocket-Key: not base64!"]), UpgradeError::BadKey, "400", ""),
        (
            handshake(&["Origin: https://evil.example"]),
            UpgradeError::OriginRefused,
            "403 Forbidden",
            "",
        ),
    ] {
        let (result, response) = answer(&request, &policy);
        assert_eq!(result, Err(error), "{request}");
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
        assert!(response.contains(header), "{response}");
        assert!(response.ends_with(&format!("\r\n\r\n{}\n", error.message())), "{response}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever a handshake is changed to, it is parsed or refused, never a panic.
    #[test]
    fn damaged_handshakes(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        extensions in "[a-z_=;, \"0-9]{0,60}",
    ) {
        let extensions = format!("Sec-WebSocket-Extensions: permessage-deflate{extensions}");
        let mut bytes = handshake(&["Origin: https://a.example", &extensions]).into_bytes();
        for (index, byte) in changes {
            *index.get_mut(&mut bytes) = byte;
        }
        if let Ok(Some(head)) = parse_head(&bytes, &LIMITS) {
            let policy = UpgradePolicy {
                origins: OriginPolicy::List(vec!["https://a.example".into()]),
                deflate: DeflateOptions { enabled: true },
            };
            let mut out = Vec::new();
            if let Ok(accepted) = accept(&head, &["a", "b"], &policy, &mut out) {
                prop_assert!(out.starts_with(b"HTTP/1.1 101 ") && out.ends_with(b"\r\n\r\n"));
                prop_assert!(accepted.deflate.is_none_or(|bits| (9..=15).contains(&bits)));
            }
        }
    }
}
