//! From text to commands.

use std::borrow::Cow;
use std::ops::ControlFlow;

use trunkline_core::codec::{Incoming, Malformed};
use trunkline_core::command::{Command, ConnectRequest, Payload, Request, SubscribeRequest};
use trunkline_core::error::ClientError;
use trunkline_core::position::{Position, Tag};

use super::super::{FOSSIL, REJECT_UNRECOVERED, history_limit};
use super::wire;
use crate::json::single_line;
use crate::position;

/// Reads a message of any number of commands, each a JSON object. White space between them is of
/// no meaning, so that a line break inside a command does no harm either.
pub(crate) fn decode(
    message: Incoming<'_>,
    sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
) -> Result<(), Malformed> {
    let text = message.text()?;
    let mut commands =
        serde_json::Deserializer::from_str(text).into_iter::<wire::Object<wire::Command<'_>>>();
    loop {
        let start = commands.byte_offset();
        let Some(command) = commands.next() else { return Ok(()) };
        let wire::Object(command) = command.map_err(|_| Malformed)?;
        let own_text = &text[start..commands.byte_offset()];
        let id = command.id.unwrap_or(0);
        let request = match request(command) {
            Request::Unsupported if is_empty_object(own_text) => Request::Pong,
            request => request,
        };
        if sink(Command { id, request }).is_break() {
            return Ok(());
        }
    }
}

fn is_empty_object(text: &str) -> bool {
    let inside = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| inside.trim().is_empty())
}

/// The request of a command; of several, the first in the order of the protocol's definition.
fn request(command: wire::Command<'_>) -> Request<'_> {
    if let Some(wire::Object(request)) = command.connect {
        connect(request)
    } else if let Some(wire::Object(request)) = command.subscribe {
        subscribe(request)
    } else if let Some(wire::Object(request)) = command.unsubscribe {
        Request::Unsubscribe { channel: request.channel.0 }
    } else if let Some(wire::Object(request)) = command.publish {
        publish(request)
    } else if let Some(wire::Object(request)) = command.presence {
        Request::Presence { channel: request.channel.0 }
    } else if let Some(wire::Object(request)) = command.presence_stats {
        Request::PresenceStats { channel: request.channel.0 }
    } else if let Some(wire::Object(request)) = command.history {
        history(request)
    } else if let Some(wire::Object(request)) = command.send {
        Request::Send { data: payload(&request.data).bytes }
    } else if let Some(wire::Object(request)) = command.rpc {
        Request::Rpc { method: request.method.0, data: payload(&request.data).bytes }
    } else if let Some(wire::Object(request)) = command.refresh {
        Request::Refresh { token: request.token.0 }
    } else if let Some(wire::Object(request)) = command.sub_refresh {
        if is_special(request.r#type) {
            return Request::Refused(ClientError::PermissionDenied);
        }
        Request::SubRefresh { channel: request.channel.0, token: request.token.0 }
    } else {
        Request::Unsupported
    }
}

/// Whether a request is of a kind other than the ordinary one (maps, shared polls). Taking it for
/// an ordinary one would confuse the client.
fn is_special(kind: Option<i32>) -> bool {
    kind.unwrap_or(0) != 0
}

fn connect(request: wire::Connect<'_>) -> Request<'_> {
    let positions = request.subs.unwrap_or_default().into_iter();
    let positions = positions
        .filter(|(_, wire::Object(subscribe))| subscribe.recover == Some(true))
        .map(|(channel, wire::Object(subscribe))| {
            (channel.0, position::foreign(&subscribe.epoch.0, subscribe.offset.unwrap_or(0)))
        });
    Request::Connect(ConnectRequest {
        positions: positions.collect(),
        token: request.token.0,
        claimed_user: None,
        name: request.name.0,
        version: request.version.0,
        data: payload(&request.data).bytes,
    })
}

fn subscribe(request: wire::Subscribe<'_>) -> Request<'_> {
    // A filter that is not applied would let through what the client does not want.
    let filtered = !matches!(request.tf.0, "" | "null");
    if is_special(request.r#type) {
        return Request::Refused(ClientError::PermissionDenied);
    }
    if filtered {
        return Request::Refused(ClientError::BadRequest);
    }
    let recovers = request.recover == Some(true);
    let recover = recovers.then(|| place(&request.epoch, request.offset, &request.tag));
    let Ok(recover) = recover.transpose() else {
        return Request::Refused(ClientError::BadRequest);
    };
    Request::Subscribe(SubscribeRequest {
        delta: request.delta.0 == FOSSIL,
        recover,
        channel: request.channel.0,
        token: request.token.0,
        reject_unrecovered: request.flag.unwrap_or(0) & REJECT_UNRECOVERED != 0,
        join_leave: request.join_leave == Some(true),
        required: false,
    })
}

fn publish(request: wire::Publish<'_>) -> Request<'_> {
    if is_special(request.r#type) {
        return Request::Refused(ClientError::PermissionDenied);
    }
    Request::Publish { channel: request.channel.0, data: payload(&request.data) }
}

fn history(request: wire::History<'_>) -> Request<'_> {
    let since =
        request.since.map(|wire::Object(since)| place(&since.epoch, since.offset, &since.tag));
    let Ok(since) = since.transpose() else {
        return Request::Refused(ClientError::BadRequest);
    };
    Request::History {
        since,
        channel: request.channel.0,
        limit: history_limit(request.limit.unwrap_or(0)),
        reverse: request.reverse == Some(true),
    }
}

/// A position in its three members. The tag is for clients without an SDK; one that proves nothing
/// would let them believe that it did.
fn place(
    epoch: &wire::Text<'_>,
    offset: Option<u64>,
    tag: &wire::Text<'_>,
) -> Result<Position, Malformed> {
    let place = position::foreign(&epoch.0, offset.unwrap_or(0));
    match &*tag.0 {
        "" => Ok(place),
        tag => Ok(Position { tag: Some(Tag::parse(tag).ok_or(Malformed)?), ..place }),
    }
}

fn payload<'a>(raw: &wire::Payload<'a>) -> Payload<'a> {
    let bytes: Cow<'a, [u8]> = single_line(raw.0.as_bytes());
    Payload { json: !bytes.is_empty(), bytes }
}
