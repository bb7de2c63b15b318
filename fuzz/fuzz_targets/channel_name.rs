//! Names of channels, alone and in URLs: no panic, a valid name is taken apart into what it was
//! made of, and whatever a URL names is either refused in one line or valid.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use trunkline_core::channel::ChannelName;
use trunkline_core::codec::OpenRequest;
use trunkline_core::command::Request;
use trunkline_protocol::registry::{EndpointOptions, endpoints};

fn check_name(text: &str) {
    let Ok(name) = ChannelName::parse(text) else { return };
    assert_eq!(name.as_str(), text);
    assert!((1..=255).contains(&text.len()));
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    let namespace = name.namespace().map(|namespace| format!("{namespace}:")).unwrap_or_default();
    let private = if name.is_private() && !namespace.is_empty() { "$" } else { "" };
    assert_eq!(format!("{private}{namespace}{}", name.rest()), text);
    assert!(!name.lists_user(""));
}

fn check_open(request: &OpenRequest<'_>) {
    for endpoint in endpoints(EndpointOptions { rooms: true }) {
        match endpoint.open(request) {
            Err(refusal) => {
                assert_eq!(refusal.status, 400);
                assert!(refusal.message.len() < 1024);
                assert!(!refusal.message.contains(['\n', '\r']));
            }
            Ok(opening) => {
                for wanted in &opening.requests {
                    if let Request::Subscribe(subscribe) = wanted {
                        assert!(ChannelName::parse(&subscribe.channel).is_ok());
                    }
                }
            }
        }
    }
}

fuzz_target!(|text: &str| {
    check_name(text);
    let parameter = |key: &'static str| (Cow::Borrowed(key), Cow::Borrowed(text));
    let one = (Cow::Borrowed("channels"), Cow::Borrowed("a"));
    check_open(&OpenRequest {
        path: "/ws",
        query: vec![parameter("channels")],
        ..Default::default()
    });
    check_open(&OpenRequest {
        path: &format!("/api/v1/ws/{text}"),
        query: vec![one, parameter("since"), parameter("format")],
        last_event_id: Some(text),
        ..Default::default()
    });
});
