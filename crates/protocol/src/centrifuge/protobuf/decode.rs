//! From bytes to commands.

use std::borrow::Cow;
use std::ops::ControlFlow;

use prost::Message as _;
use trunkline_core::codec::Malformed;
use trunkline_core::command::{Command, ConnectRequest, Payload, Request, SubscribeRequest};
use trunkline_core::error::ClientError;

use super::super::{FOSSIL, REJECT_UNRECOVERED, history_limit};
use super::schema;
use crate::json::{is_json, single_line};
use crate::position;

/// Reads a message of any number of commands.
pub(super) fn decode(
    mut bytes: &[u8],
    sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        let length = prost::decode_length_delimiter(&mut bytes).map_err(|_| Malformed)?;
        let (own, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
        bytes = rest;
        let command = if own.is_empty() {
            Command { id: 0, request: Request::Pong }
        } else {
            let command = schema::Command::decode(own).map_err(|_| Malformed)?;
            Command { id: command.id, request: request(command) }
        };
        if sink(command).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// The request of a command; of several, the first in the order of the protocol's definition.
fn request(command: schema::Command) -> Request<'static> {
    if let Some(request) = command.connect {
        connect(request)
    } else if let Some(request) = command.subscribe {
        subscribe(request)
    } else if let Some(request) = command.unsubscribe {
        Request::Unsubscribe { channel: request.channel.into() }
    } else if let Some(request) = command.publish {
        publish(request)
    } else if let Some(request) = command.presence {
        Request::Presence { channel: request.channel.into() }
    } else if let Some(request) = command.presence_stats {
        Request::PresenceStats { channel: request.channel.into() }
    } else if let Some(request) = command.history {
        Request::History {
            channel: request.channel.into(),
            limit: history_limit(request.limit),
            since: request.since.map(|since| position::foreign(&since.epoch, since.offset)),
            reverse: request.reverse,
        }
    } else if let Some(request) = command.send {
        Request::Send { data: request.data.into() }
    } else if let Some(request) = command.rpc {
        Request::Rpc { method: request.method.into(), data: request.data.into() }
    } else if let Some(request) = command.refresh {
        Request::Refresh { token: request.token.into() }
    } else if let Some(request) = command.sub_refresh {
        if request.r#type != 0 {
            return Request::Refused(ClientError::PermissionDenied);
        }
        Request::SubRefresh { channel: request.channel.into(), token: request.token.into() }
    } else {
        Request::Unsupported
    }
}

fn connect(request: schema::ConnectRequest) -> Request<'static> {
    let positions = request.subs.into_iter().filter(|(_, subscribe)| subscribe.recover);
    let positions = positions.map(|(channel, subscribe)| {
        (channel.into(), position::foreign(&subscribe.epoch, subscribe.offset))
    });
    Request::Connect(ConnectRequest {
        positions: positions.collect(),
        token: request.token.into(),
        claimed_user: None,
        name: request.name.into(),
        version: request.version.into(),
        data: request.data.to_vec().into(),
    })
}

fn subscribe(request: schema::SubscribeRequest) -> Request<'static> {
    // Neither may be taken for an ordinary subscription: of a special kind (maps, shared polls)
    // the client expects other answers, and without its filter it gets what it does not want.
    if request.r#type != 0 {
        return Request::Refused(ClientError::PermissionDenied);
    }
    if request.tf.is_some() {
        return Request::Refused(ClientError::BadRequest);
    }
    let recover = request.recover.then(|| position::foreign(&request.epoch, request.offset));
    Request::Subscribe(SubscribeRequest {
        delta: request.delta == FOSSIL,
        recover,
        channel: request.channel.into(),
        token: request.token.into(),
        reject_unrecovered: request.flag & REJECT_UNRECOVERED != 0,
        join_leave: request.join_leave,
        required: false,
    })
}

fn publish(request: schema::PublishRequest) -> Request<'static> {
    if request.r#type != 0 {
        return Request::Refused(ClientError::PermissionDenied);
    }
    Request::Publish { channel: request.channel.into(), data: payload(request.data) }
}

/// Bytes that may be JSON: if so, they must be able to stand in a line for JSON clients.
fn payload(data: Vec<u8>) -> Payload<'static> {
    let json = is_json(&data);
    let bytes = match single_line(&data) {
        Cow::Owned(stripped) if json => stripped,
        _ => data,
    };
    Payload { bytes: bytes.into(), json }
}
