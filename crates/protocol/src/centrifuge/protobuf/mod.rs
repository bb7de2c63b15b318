//! The protocol in Protobuf: binary messages, each holding any number of commands or replies that
//! are preceded by their length as a varint. A length of 0 is the empty message: a ping or pong.

mod decode;
mod encode;
mod schema;

use std::borrow::Cow;
use std::ops::ControlFlow;

use prost::Message as _;
use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, Form, Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::Command;
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply};

use self::schema::Body;
use super::{Pings, codes};

/// Commands and replies as Protobuf in binary messages.
#[derive(Clone, Copy, Debug)]
pub struct ProtobufCodec {
    /// How connections are kept alive.
    pub pings: Pings,
}

impl Codec for ProtobufCodec {
    fn framing(&self) -> Framing {
        Framing::Binary
    }

    fn heartbeat(&self) -> Heartbeat {
        match self.pings {
            Pings::Messages => Heartbeat::Message(&[0]),
            Pings::Frames => Heartbeat::Frame,
        }
    }

    fn carries_delta(&self) -> bool {
        true
    }

    fn decode(
        &self,
        message: Incoming<'_>,
        sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed> {
        match message {
            Incoming::Binary(bytes) => decode::decode(bytes, sink),
            Incoming::Text(_) => Err(Malformed),
        }
    }

    fn encode_reply(&self, id: u32, reply: &Result<Reply, ClientError>, out: &mut Vec<u8>) {
        append(id, encode::reply(reply, self.pings), out);
    }

    fn encode_push(&self, push: &Push, out: &mut Vec<u8>) {
        if let Some(push) = encode::push(push, self.pings) {
            append(0, Body::Push(push), out);
        }
    }

    fn encode_message(
        &self,
        channel: &ChannelName,
        message: &Message,
        form: Form<'_>,
        out: &mut Vec<u8>,
    ) {
        append(0, Body::Push(encode::message(channel, message, form)), out);
    }

    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>) {
        codes::disconnect_code(reason)
    }
}

fn append(id: u32, body: Body, out: &mut Vec<u8>) {
    let reply = schema::Reply { id, body: Some(body) };
    // A vector grows as needed, so that encoding cannot fail.
    let written = reply.encode_length_delimited(out);
    debug_assert!(written.is_ok(), "a vector has no end");
}
