//! The protocol in JSON.

mod decode;
mod encode;
mod wire;

use std::borrow::Cow;
use std::ops::ControlFlow;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, Form, Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::Command;
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply};

pub(crate) use self::decode::decode;
pub(crate) use self::encode::{Reader, message_members, push_members, write_reply};

use super::{Pings, codes};
use crate::json::{Object, is_json};

/// Commands and replies as JSON in text messages, pushes as `{"push":{…}}`.
#[derive(Clone, Copy, Debug)]
pub struct JsonCodec {
    /// How connections are kept alive.
    pub pings: Pings,
}

impl Codec for JsonCodec {
    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn heartbeat(&self) -> Heartbeat {
        match self.pings {
            Pings::Messages => Heartbeat::Message(b"{}"),
            Pings::Frames => Heartbeat::Frame,
        }
    }

    fn carries_delta(&self) -> bool {
        true
    }

    fn keeps(&self, payload: &[u8]) -> bool {
        is_json(payload)
    }

    fn decode(
        &self,
        message: Incoming<'_>,
        sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed> {
        decode(message, sink)
    }

    fn encode_reply(&self, id: u32, reply: &Result<Reply, ClientError>, out: &mut Vec<u8>) {
        write_reply(out, id, reply, Reader::Sdk(self.pings));
    }

    fn encode_push(&self, push: &Push, out: &mut Vec<u8>) {
        if matches!(push, Push::Gap { .. }) {
            // SDKs know no such message; they subscribe again instead.
            return;
        }
        let mut reply = Object::open(out);
        let mut object = reply.object("push");
        push_members(&mut object, push, Reader::Sdk(self.pings));
        object.close();
        reply.close();
    }

    fn encode_message(
        &self,
        channel: &ChannelName,
        message: &Message,
        form: Form<'_>,
        out: &mut Vec<u8>,
    ) {
        let mut reply = Object::open(out);
        let mut object = reply.object("push");
        message_members(&mut object, channel, message, form, Reader::Sdk(self.pings));
        object.close();
        reply.close();
    }

    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>) {
        codes::disconnect_code(reason)
    }
}
