//! The path: who, and where.

use std::borrow::Cow;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Endpoint, OpenRequest, Opening, Refusal, Transport};
use trunkline_core::command::{ConnectRequest, Request, SubscribeRequest};

use crate::plain::endpoint::token;
use crate::registry;

use super::CHANNEL_PREFIX;

/// The rooms endpoint. The path's user must be the connection's identity, unless anonymous
/// clients may do everything.
#[derive(Clone, Copy, Debug)]
pub struct Rooms;

const PREFIX: &str = "/api/v1/ws/";

fn segments(path: &str) -> Option<(&str, &str)> {
    let (room, user) = path.strip_prefix(PREFIX)?.split_once('/')?;
    (!room.is_empty() && !user.is_empty() && !user.contains('/')).then_some((room, user))
}

impl Endpoint for Rooms {
    fn matches(&self, path: &str) -> bool {
        segments(path).is_some()
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn open(&self, request: &OpenRequest<'_>) -> Result<Opening, Refusal> {
        let refusal = |message| Refusal { status: 400, message };
        let (room, user) = segments(request.path).ok_or_else(|| refusal("no room".into()))?;
        let user = percent_decoded(user)
            .and_then(|user| user.parse::<i64>().ok())
            .ok_or_else(|| refusal("user_id: not an integer".into()))?;
        let room =
            percent_decoded(room).ok_or_else(|| refusal("room_id: not UTF-8 in %XX".into()))?;
        let channel = ChannelName::parse(&format!("{CHANNEL_PREFIX}{room}"))
            .map_err(|error| refusal(format!("room_id: {error}").into()))?;
        let connect = ConnectRequest {
            token: token(request),
            claimed_user: Some(Cow::Owned(user.to_string())),
            ..Default::default()
        };
        let subscribe = SubscribeRequest {
            channel: Cow::Owned(channel.as_str().to_owned()),
            join_leave: true,
            required: true,
            ..Default::default()
        };
        let requests = vec![Request::Connect(connect), Request::Subscribe(subscribe)];
        Ok(Opening { codec: registry::ROOMS, requests })
    }
}

/// The text of a path segment; `None` when an escape is cut short or the text is not UTF-8.
fn percent_decoded(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high << 4 | low).ok()?);
    }
    String::from_utf8(decoded).ok()
}
