//! A way in for the fuzzer, which asks and answers whatever it likes.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::value::RawValue;
use trunkline_core::application::{About, Call, Objection, Response};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, Identity, UserId};
use trunkline_core::limits::USER_ID_BYTES;

use crate::shape::{read, write};

fn json(bytes: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(bytes).ok()
}

/// Payloads that are JSON are on one line: line breaks separate messages on the wire.
fn looks_good(payload: Option<&Bytes>) {
    if let Some(payload) = payload.filter(|payload| json(payload).is_some()) {
        assert!(!payload.iter().any(|byte| matches!(byte, b'\n' | b'\r')), "{payload:?}");
    }
}

fn calls() -> [Call; 6] {
    let channel = ChannelName::parse("chat:1").expect("a good name");
    [
        Call::Connect { name: "js".into(), version: "5".into(), data: None, anew: false },
        Call::Refresh,
        Call::Subscribe { channel: channel.clone() },
        Call::SubRefresh { channel: channel.clone() },
        Call::Publish { channel, data: "1".into() },
        Call::Rpc { method: "add".into(), data: "1".into() },
    ]
}

/// Reads an answer to each kind of call. What is one must be of that kind, and within the bounds
/// that the rest of the node relies on.
pub fn answered(body: &[u8]) {
    for call in calls() {
        match (&call, read(&call, body)) {
            (_, Err(objection)) => objected(&objection),
            (Call::Connect { .. }, Ok(Response::Connect { identity, .. })) => identified(&identity),
            (Call::Refresh | Call::SubRefresh { .. }, Ok(Response::Renewal(renewal))) => {
                looks_good(renewal.info.as_ref());
            }
            (Call::Subscribe { .. }, Ok(Response::Subscribe(permission))) => {
                looks_good(permission.info.as_ref());
                looks_good(permission.data.as_ref());
            }
            (Call::Publish { .. }, Ok(Response::Publish(approval))) => {
                looks_good(approval.data.as_ref());
                let is_json = approval.data.is_some_and(|data| json(&data).is_some());
                assert_eq!(approval.json, is_json);
            }
            (Call::Rpc { .. }, Ok(Response::Rpc(data))) => looks_good(Some(&data)),
            (call, Ok(other)) => panic!("{call:?}: {other:?}"),
        }
    }
}

fn objected(objection: &Objection) {
    match objection {
        Objection::Error { code, .. } => assert!((400..=1999).contains(code), "{code}"),
        Objection::Disconnect { code, .. } => assert!((4000..=4999).contains(code), "{code}"),
        Objection::Unavailable => {}
        Objection::Failed(_) => panic!("that is not the application's to say"),
    }
}

fn identified(identity: &Identity) {
    assert!(identity.user.as_str().len() <= USER_ID_BYTES);
    assert!(identity.credential.is_none(), "an answer is no token");
    for payload in [&identity.info, &identity.data, &identity.meta] {
        looks_good(payload.as_ref());
    }
    let mut names = HashSet::new();
    for (channel, subscription) in &identity.channels {
        assert!(names.insert(channel), "{channel} comes twice");
        looks_good(subscription.info.as_ref());
        looks_good(subscription.data.as_ref());
    }
}

/// Writes a call in which a client says this: it is JSON, whatever that is.
pub fn asked(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let about = About {
        client: ClientId(7),
        user: UserId::new(&text),
        binary: false,
        one_way: false,
        meta: Some(Bytes::copy_from_slice(bytes)),
    };
    let call = Call::Rpc { method: (&*text).into(), data: Bytes::copy_from_slice(bytes) };
    let written = write(&about, &call);
    assert!(json(&written).is_some(), "{written:?}");
}
