//! One JSON object a WebSocket message.

use std::borrow::Cow;
use std::ops::ControlFlow;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, Form, Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::Command;
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply};

use crate::centrifuge::codes;
use crate::centrifuge::json::{self, Reader};
use crate::json::Object;

/// Commands as in the Centrifuge protocol; replies and pushes too, but pushes stand alone:
/// `{"channel":"a","pub":{"data":…}}`. Where there is a position there is its tag, and a gap has its
/// own push and, in the result of a subscription, its own member. Closes with that protocol's codes.
#[derive(Clone, Copy, Debug)]
pub struct PlainCodec;

impl Codec for PlainCodec {
    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat::Frame
    }

    fn tells_gaps(&self) -> bool {
        true
    }

    fn decode(
        &self,
        message: Incoming<'_>,
        sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed> {
        json::decode(message, sink)
    }

    fn encode_reply(&self, id: u32, reply: &Result<Reply, ClientError>, out: &mut Vec<u8>) {
        json::write_reply(out, id, reply, Reader::Plain);
    }

    fn encode_push(&self, push: &Push, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        json::push_members(&mut object, push, Reader::Plain);
        object.close();
    }

    fn encode_message(
        &self,
        channel: &ChannelName,
        message: &Message,
        _form: Form<'_>,
        out: &mut Vec<u8>,
    ) {
        let mut object = Object::open(out);
        json::message_members(&mut object, channel, message, Form::Whole, Reader::Plain);
        object.close();
    }

    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>) {
        codes::disconnect_code(reason)
    }
}
