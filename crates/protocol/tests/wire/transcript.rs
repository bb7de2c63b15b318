//! What the transcripts are made of.

use std::ops::ControlFlow;
use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, CodecId, Form, Incoming, Malformed};
use trunkline_core::command::{Command, Payload, Request, SubscribeRequest};
use trunkline_core::error::ClientError;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::position::{Epoch, Position, Tag};
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{ConnectResult, Push, Reply, SubscribeResult};
use trunkline_core::time::WallTime;

/// The connection of all transcripts, and its id as text.
pub(crate) const CLIENT: ClientId = ClientId(0x2a);
pub(crate) const CLIENT_TEXT: &str = "00000000-0000-0000-0000-00000000002a";

pub(crate) fn codec(id: CodecId) -> Arc<dyn Codec> {
    trunkline_protocol::registry::codecs().swap_remove(usize::from(id.0))
}

/// Holds that `message` is read as exactly `expected`.
#[track_caller]
pub(crate) fn check_commands(id: CodecId, message: Incoming<'_>, expected: &[Command<'_>]) {
    let mut seen = 0;
    let result = codec(id).decode(message, &mut |command| {
        assert_eq!(Some(&command), expected.get(seen), "command {seen} of {message:?}");
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(()), "{message:?}");
    assert_eq!(seen, expected.len(), "commands of {message:?}");
}

/// Reads `message` and throws away what is in it.
pub(crate) fn read(id: CodecId, message: Incoming<'_>) -> Result<(), Malformed> {
    codec(id).decode(message, &mut |_| ControlFlow::Continue(()))
}

pub(crate) fn reply(id: CodecId, command: u32, reply: &Result<Reply, ClientError>) -> Vec<u8> {
    let mut out = Vec::new();
    codec(id).encode_reply(command, reply, &mut out);
    out
}

pub(crate) fn push(id: CodecId, push: &Push) -> Vec<u8> {
    let mut out = Vec::new();
    codec(id).encode_push(push, &mut out);
    out
}

pub(crate) fn message(id: CodecId, channel: &str, message: &Message) -> Vec<u8> {
    formed(id, channel, message, Form::Whole)
}

pub(crate) fn formed(id: CodecId, channel: &str, message: &Message, form: Form<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    codec(id).encode_message(&channel_name(channel), message, form, &mut out);
    out
}

pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn channel_name(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

pub(crate) fn position(epoch: &str, offset: u64) -> Position {
    Position::new(Epoch::new(epoch), offset)
}

/// The tag at an offset: as text, the offset in 16 hexadecimal digits.
pub(crate) fn tag(offset: u64) -> Tag {
    Tag(offset.to_be_bytes())
}

/// A position as the node gives it.
pub(crate) fn place(epoch: &str, offset: u64) -> Position {
    Position { tag: Some(tag(offset)), ..position(epoch, offset) }
}

pub(crate) fn publication(data: &str, offset: u64) -> Publication {
    Publication {
        epoch: Epoch::new(if offset > 0 { "e" } else { "" }),
        offset,
        tag: tag(offset),
        before: None,
        data: data.to_owned().into(),
        info: None,
        tags: Vec::new(),
        time: WallTime(1_700_000_000_000),
    }
}

pub(crate) fn info(user: &str) -> ClientInfo {
    ClientInfo { user: UserId::new(user), client: CLIENT, conn_info: None, chan_info: None }
}

/// What a publication by a client may carry at most.
pub(crate) fn full_publication() -> Publication {
    let info = ClientInfo { conn_info: Some("{\"n\":1}".into()), ..info("ann") };
    Publication {
        info: Some(info),
        tags: vec![("k".into(), "v".into())],
        ..publication("{\"a\":1}", 7)
    }
}

pub(crate) fn connect_result() -> ConnectResult {
    ConnectResult {
        client: CLIENT,
        expires_in: None,
        ping_seconds: 25,
        pong: true,
        data: None,
        subscriptions: Vec::new(),
    }
}

pub(crate) fn positioned(epoch: &str, offset: u64) -> SubscribeResult {
    SubscribeResult {
        recoverable: true,
        position: Some(place(epoch, offset)),
        ..SubscribeResult::default()
    }
}

pub(crate) fn subscribe(channel: &str) -> SubscribeRequest<'_> {
    SubscribeRequest { channel: channel.into(), ..SubscribeRequest::default() }
}

pub(crate) fn json(text: &str) -> Payload<'_> {
    Payload { bytes: text.as_bytes().into(), json: true }
}

pub(crate) fn command(id: u32, request: Request<'_>) -> Command<'_> {
    Command { id, request }
}
