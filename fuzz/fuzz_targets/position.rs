//! Positions as text: what a URL says is a position or refused in one line, an event id is always
//! one, and a position that is written as an event id reads back as it was.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Endpoint, OpenRequest, Opening, Refusal};
use trunkline_core::command::Request;
use trunkline_core::gap::GapReason;
use trunkline_core::position::Position;
use trunkline_core::reply::Push;
use trunkline_protocol::plain::EventStream;
use trunkline_protocol::registry::{EVENT_STREAM, codecs};

/// Bytes of an epoch that are kept of what a stranger says.
const EPOCH: usize = 64;

fn open(since: Option<&str>, last_event_id: Option<&str>) -> Result<Opening, Refusal> {
    let mut query = vec![(Cow::Borrowed("channels"), Cow::Borrowed("a"))];
    query.extend(since.map(|text| (Cow::Borrowed("since.a"), Cow::Borrowed(text))));
    EventStream.open(&OpenRequest { path: "/sse", query, last_event_id, ..Default::default() })
}

fn position(opening: Opening) -> Option<Position> {
    opening.requests.into_iter().find_map(|request| match request {
        Request::Subscribe(subscribe) => subscribe.recover,
        _ => None,
    })
}

/// The id of an event at a position, where there can be one.
fn event_id(position: Position) -> Option<String> {
    let channel = ChannelName::parse("a").ok()?;
    let push = Push::Gap { channel, reason: GapReason::Trimmed, position };
    let mut out = Vec::new();
    codecs()[usize::from(EVENT_STREAM.0)].encode_push(&push, &mut out);
    let event = String::from_utf8(out).expect("events are text");
    Some(event.strip_prefix("id: ")?.split_once('\n')?.0.to_owned())
}

fuzz_target!(|text: &str| {
    let given = match open(Some(text), None) {
        Ok(opening) => position(opening),
        Err(refusal) => {
            assert!(refusal.message.len() < 1024 && !refusal.message.contains(['\n', '\r']));
            None
        }
    };
    let shown = open(None, Some(text)).ok().and_then(position);
    assert_eq!(shown.is_some(), !text.is_empty());
    for position in given.clone().into_iter().chain(shown.clone()) {
        assert!(position.epoch.as_str().len() <= EPOCH);
        if let Some(id) = event_id(position.clone()) {
            let back = open(None, Some(&id)).ok().and_then(self::position);
            assert_eq!(back, Some(position));
        }
    }
    assert!(given.is_none() || given == shown);
});
