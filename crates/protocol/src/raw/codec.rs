//! One payload a WebSocket message.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::value::RawValue;
use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, Form, Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::{Command, Request};
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply};

use crate::centrifuge::codes;
use crate::close::ordinary_code;
use crate::json::{Object, write_string};

/// The number of every command: answers are frames like any other, and name none.
const COMMAND: u32 = 1;

/// The part of methods' names that are the inbox's.
const INBOX: &str = "inbox.";

/// The raw format. Closes with the codes every WebSocket client knows.
#[derive(Clone, Copy, Debug)]
pub struct RawCodec;

/// What the format itself looks at in a message.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    msg_type: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Codec for RawCodec {
    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat::Frame
    }

    fn hands_over_unread(&self) -> bool {
        true
    }

    fn decode(
        &self,
        message: Incoming<'_>,
        sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed> {
        let text = message.text()?;
        // There is only one command: nothing is left that a break could spare.
        let _ = sink(Command { id: COMMAND, request: request(text) });
        Ok(())
    }

    fn encode_reply(&self, _id: u32, reply: &Result<Reply, ClientError>, out: &mut Vec<u8>) {
        match reply {
            Ok(Reply::Rpc(data)) => write_payload(out, data),
            Ok(Reply::Login(user)) => {
                let mut object = Object::open(out);
                object.string("msg_type", "login");
                let mut data = object.object("data");
                data.string("user", user.as_str());
                data.close();
                object.close();
            }
            Ok(_) => {}
            Err(error) => {
                let (code, temporary) = codes::error_code(error);
                let mut object = Object::open(out);
                object.string("msg_type", "error");
                let mut member = object.object("error");
                member.number("code", code);
                member.string("message", &error.to_string());
                member.flag("temporary", temporary);
                member.close();
                object.close();
            }
        }
    }

    fn encode_push(&self, push: &Push, out: &mut Vec<u8>) {
        match push {
            Push::Connect(result) => write_some(out, result.data.as_deref()),
            Push::Subscribe { result, .. } => write_some(out, result.data.as_deref()),
            Push::Message { channel, message, .. } => {
                self.encode_message(channel, message, Form::Whole, out);
            }
            // There are no words for these.
            Push::Unsubscribe { .. } | Push::Gap { .. } => {}
        }
    }

    fn encode_message(
        &self,
        _channel: &ChannelName,
        message: &Message,
        _form: Form<'_>,
        out: &mut Vec<u8>,
    ) {
        if let Message::Publication(publication) = message {
            write_payload(out, &publication.data);
        }
    }

    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>) {
        ordinary_code(reason)
    }
}

fn request(text: &str) -> Request<'_> {
    let Ok(Typed { msg_type, data }) = serde_json::from_str::<Typed<'_>>(text) else {
        let data = match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => Cow::Borrowed(text.as_bytes()),
            Err(_) => {
                let mut string = Vec::new();
                write_string(&mut string, text);
                Cow::Owned(string)
            }
        };
        return Request::Rpc { method: Cow::Borrowed(""), data };
    };
    if msg_type == "login" {
        return Request::Login;
    }
    let whole = if msg_type.starts_with(INBOX) { data.map_or("{}", RawValue::get) } else { text };
    Request::Rpc { method: msg_type, data: Cow::Borrowed(whole.as_bytes()) }
}

fn write_some(out: &mut Vec<u8>, payload: Option<&[u8]>) {
    if let Some(payload) = payload {
        write_payload(out, payload);
    }
}

/// Writes what a JSON string says, and of any other value its text.
fn write_payload(out: &mut Vec<u8>, payload: &[u8]) {
    match serde_json::from_slice::<Cow<'_, str>>(payload) {
        Ok(text) => out.extend_from_slice(text.as_bytes()),
        Err(_) => out.extend_from_slice(String::from_utf8_lossy(payload).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::identity::UserId;

    use super::*;

    fn read(text: &str) -> Request<'static> {
        let mut found = None;
        RawCodec
            .decode(Incoming::Text(text), &mut |command| {
                assert_eq!(command.id, COMMAND);
                found = Some(command.request.into_owned());
                ControlFlow::Continue(())
            })
            .unwrap();
        found.unwrap()
    }

    fn rpc(method: &str, data: &str) -> Request<'static> {
        let (method, data) = (method.to_owned().into(), data.as_bytes().to_owned().into());
        Request::Rpc { method, data }
    }

    #[test]
    fn a_message_is_its_kind_and_itself() {
        assert_eq!(read(r#"{"msg_type":"login"}"#), Request::Login);
        let order = r#"{"msg_type":"order","data":{"n":1}}"#;
        assert_eq!(read(order), rpc("order", order));
        assert_eq!(read(r#"{"n":1}"#), rpc("", r#"{"n":1}"#));
        assert_eq!(read("[1]"), rpc("", "[1]"));
        assert_eq!(read(r#"{"msg_type":7}"#), rpc("", r#"{"msg_type":7}"#));
        assert_eq!(read("hello \"you\""), rpc("", r#""hello \"you\"""#));
        assert_eq!(read(""), rpc("", r#""""#));
    }

    #[test]
    fn what_is_about_the_inbox_has_its_argument_inside() {
        let ack = r#"{"msg_type":"inbox.ack","data":{"upto":3}}"#;
        assert_eq!(read(ack), rpc("inbox.ack", r#"{"upto":3}"#));
        assert_eq!(read(r#"{"msg_type":"inbox.state"}"#), rpc("inbox.state", "{}"));
    }

    #[test]
    fn answers_are_frames_of_their_own() {
        let written = |reply| {
            let mut out = Vec::new();
            RawCodec.encode_reply(COMMAND, &reply, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Ok(Reply::Rpc(r#"{"a":1}"#.into()))), r#"{"a":1}"#);
        assert_eq!(written(Ok(Reply::Rpc(r#""hi""#.into()))), "hi");
        assert_eq!(written(Ok(Reply::Rpc("".into()))), "");
        let login = r#"{"msg_type":"login","data":{"user":"42"}}"#;
        assert_eq!(written(Ok(Reply::Login(UserId::new("42")))), login);
        let error = r#"{"msg_type":"error","error":{"code":100,"message":"temporarily unavailable","temporary":true}}"#;
        assert_eq!(written(Err(ClientError::Unavailable)), error);
    }

    #[test]
    fn who_is_nobody_is_told_so() {
        let (code, words) = RawCodec.close_code(&CloseReason::Unauthorized);
        assert_eq!((code, &*words), (1008, "Unauthorized"));
    }
}
