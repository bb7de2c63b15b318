//! Text in, `{"user_id":1,"room_id":"r","message":"…"}` out.

use std::borrow::Cow;
use std::ops::ControlFlow;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, Form, Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::{Command, Payload, Request};
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::identity::{ClientInfo, UserId};
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{Push, Reply};

use crate::close::ordinary_code;
use crate::json::{Object, write_string};

use super::CHANNEL_PREFIX;

/// The format of the rooms endpoint. Closes with the codes every WebSocket client knows
/// (RFC 6455, section 7.4.1, and its registry).
#[derive(Clone, Copy, Debug)]
pub struct RoomsCodec;

impl Codec for RoomsCodec {
    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat::Frame
    }

    fn decode(
        &self,
        message: Incoming<'_>,
        sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed> {
        let text = message.text()?;
        let mut string = Vec::new();
        write_string(&mut string, text);
        let data = Payload { bytes: Cow::Owned(string), json: true };
        // There is only one command: nothing is left that a break could spare.
        let _ = sink(Command { id: 0, request: Request::Say { data } });
        Ok(())
    }

    fn encode_reply(&self, _id: u32, _reply: &Result<Reply, ClientError>, _out: &mut Vec<u8>) {
        // The members hear what was said; there is nothing else to answer.
    }

    fn encode_push(&self, push: &Push, out: &mut Vec<u8>) {
        if let Push::Message { channel, message, .. } = push {
            self.encode_message(channel, message, Form::Whole, out);
        }
    }

    fn encode_message(
        &self,
        channel: &ChannelName,
        message: &Message,
        _form: Form<'_>,
        out: &mut Vec<u8>,
    ) {
        // A token may bring other channels along; this format has no words for them.
        let Some(room) = channel.as_str().strip_prefix(CHANNEL_PREFIX) else { return };
        match message {
            Message::Publication(publication) => {
                let user = publication.info.as_ref().map_or(0, |info| number(&info.user));
                write(out, user, room, |out| write_text(out, publication));
            }
            Message::Join(info) => announce(out, info, "connected to", room),
            Message::Leave(info) => announce(out, info, "disconnected from", room),
        }
    }

    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>) {
        ordinary_code(reason)
    }
}

/// The user as a number; 0 for the server, for nobody in particular, and for users of other
/// protocols whose ids are no integers.
fn number(user: &UserId) -> i64 {
    user.as_str().parse().unwrap_or(0)
}

fn write(out: &mut Vec<u8>, user: i64, room: &str, message: impl FnOnce(&mut Vec<u8>)) {
    let mut object = Object::open(out);
    object.number("user_id", user);
    object.string("room_id", room);
    message(object.member("message"));
    object.close();
}

fn announce(out: &mut Vec<u8>, info: &ClientInfo, what: &str, room: &str) {
    let name = if info.user.is_anonymous() { "0" } else { info.user.as_str() };
    let message = format!("User {name} {what} room - {room}");
    write(out, number(&info.user), room, |out| write_string(out, &message));
}

/// Writes a payload as a string: what a JSON string says, and of any other value its text.
fn write_text(out: &mut Vec<u8>, publication: &Publication) {
    let data = &publication.data;
    let text = match serde_json::from_slice::<Cow<'_, str>>(data) {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy(data),
    };
    write_string(out, &text);
}
