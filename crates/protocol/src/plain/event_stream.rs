//! One JSON object an event (`text/event-stream`, WHATWG HTML, section 9.2).

use std::borrow::Cow;
use std::ops::ControlFlow;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Codec, Form, Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::Command;
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::position::Position;
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply};

use super::PlainCodec;
use crate::centrifuge::codes;
use crate::json;
use crate::position;

/// How long an EventSource waits before it comes back, in milliseconds. It has no back-off of its
/// own, and its default is for the browser to choose.
const RETRY: &[u8] = b"retry: 1000\n";

/// The pushes of [`PlainCodec`] as events. An event that takes the reader to a position has it as
/// its id, which an EventSource shows again when it comes back.
#[derive(Clone, Copy, Debug)]
pub struct EventStreamCodec {
    /// Whether events have ids. An EventSource remembers one id only, which is of no use when
    /// there are several channels with a position each.
    pub event_ids: bool,
}

impl EventStreamCodec {
    fn write_id(&self, out: &mut Vec<u8>, position: &Position) {
        if !self.event_ids {
            return;
        }
        let start = out.len();
        out.extend_from_slice(b"id: ");
        if position::write(out, position) {
            out.push(b'\n');
        } else {
            out.truncate(start);
        }
    }

    fn write_message_id(&self, out: &mut Vec<u8>, message: &Message) {
        if let Message::Publication(publication) = message
            && publication.offset > 0
        {
            self.write_id(out, &publication.position());
        }
    }
}

/// Writes the data of an event, which `write` appends in one line, and ends it.
fn write_data(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"data: ");
    write(out);
    out.extend_from_slice(b"\n\n");
}

impl Codec for EventStreamCodec {
    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn heartbeat(&self) -> Heartbeat {
        // A comment. The empty line after it ends an event that never began.
        Heartbeat::OneWay(b":\n\n")
    }

    fn tells_gaps(&self) -> bool {
        true
    }

    fn decode(
        &self,
        _message: Incoming<'_>,
        _sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed> {
        Err(Malformed)
    }

    fn encode_reply(&self, _id: u32, _reply: &Result<Reply, ClientError>, _out: &mut Vec<u8>) {
        // Nobody can ask.
    }

    fn encode_push(&self, push: &Push, out: &mut Vec<u8>) {
        match push {
            Push::Connect(_) => out.extend_from_slice(RETRY),
            // What is recovered follows in events of its own: until then the reader is where it was,
            // and must come back there if it is cut off in between.
            Push::Subscribe { result, .. } if result.recovered => {}
            Push::Subscribe { result, .. } => {
                if let Some(position) = &result.position {
                    self.write_id(out, position);
                }
            }
            Push::Message { message, .. } => self.write_message_id(out, message),
            Push::Gap { position, .. } => self.write_id(out, position),
            Push::Unsubscribe { .. } => {}
        }
        write_data(out, |out| PlainCodec.encode_push(push, out));
    }

    fn encode_message(
        &self,
        channel: &ChannelName,
        message: &Message,
        form: Form<'_>,
        out: &mut Vec<u8>,
    ) {
        self.write_message_id(out, message);
        write_data(out, |out| PlainCodec.encode_message(channel, message, form, out));
    }

    /// A response has no close code: it comes as an event, before the stream ends.
    fn encode_farewell(&self, reason: &CloseReason, out: &mut Vec<u8>) {
        let (code, words) = self.close_code(reason);
        write_data(out, |out| {
            out.extend_from_slice(b"{\"disconnect\":{\"code\":");
            out.extend_from_slice(itoa::Buffer::new().format(code).as_bytes());
            out.extend_from_slice(b",\"reason\":");
            json::write_string(out, &words);
            out.extend_from_slice(b"}}");
        });
    }

    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>) {
        codes::disconnect_code(reason)
    }
}
