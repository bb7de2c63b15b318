//! The port to the wire protocols.
//!
//! A [`Codec`] is stateless and turns bytes into commands, and replies into bytes. An
//! [`Endpoint`] decides, from the request that opened a connection, which codec it talks and what
//! it asks for by URL. Shards know neither JSON nor Protobuf: they know codecs by their index.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::channel::ChannelName;
use crate::command::{Command, Request};
use crate::error::{ClientError, CloseReason};
use crate::publication::Message;
use crate::reply::{Push, Reply};

/// A message as the transport hands it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Text; valid UTF-8.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl<'a> Incoming<'a> {
    /// The message as text, for protocols that do not care how it was sent.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(self) -> Result<&'a str, Malformed> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(bytes) => std::str::from_utf8(bytes).map_err(|_| Malformed),
        }
    }
}

/// The message cannot be read as this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub struct Malformed;

/// What carries the encoded messages of a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// WebSocket text messages.
    Text,
    /// WebSocket binary messages.
    Binary,
    /// An event stream; the codec writes the event's lines itself.
    EventStream,
}

/// How the node finds out that a client is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// A message of the protocol, answered by one.
    Message(&'static [u8]),
    /// A WebSocket ping frame, answered by a pong frame.
    Frame,
    /// Bytes that want no answer; a dead peer shows itself when they cannot be written.
    OneWay(&'static [u8]),
}

/// How the payload of a publication is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// As it is.
    Whole,
    /// For subscribers that asked for differences: the patch that makes this payload of the one
    /// before ([`crate::delta`]), or the whole payload where there is no such patch or the codec
    /// cannot carry it. Either way the reader can tell which.
    Delta(Option<&'a [u8]>),
}

/// How one family of clients talks.
pub trait Codec: Send + Sync {
    /// What carries its messages.
    fn framing(&self) -> Framing;

    /// How it keeps in touch.
    fn heartbeat(&self) -> Heartbeat;

    /// Whether payloads that are not JSON can be carried.
    fn carries_binary(&self) -> bool {
        self.framing() == Framing::Binary
    }

    /// Whether it can tell a client about a gap in a subscription that goes on. Otherwise the
    /// subscription ends, and the client comes back to it.
    fn tells_gaps(&self) -> bool {
        false
    }

    /// Whether its clients cannot ask for what is in their user's inbox: unread messages are handed
    /// over when they connect, oldest first.
    fn hands_over_unread(&self) -> bool {
        false
    }

    /// Whether it can write publications as differences ([`Form::Delta`]).
    fn carries_delta(&self) -> bool {
        false
    }

    /// Whether a client that was sent `payload` whole holds it byte for byte: only then can what
    /// comes next be told as a difference. Not so if something else had to be written in its stead.
    fn keeps(&self, _payload: &[u8]) -> bool {
        true
    }

    /// Reads the commands of a message and hands each to `sink`, until it breaks.
    ///
    /// # Errors
    /// The message is not of this protocol; commands before the fault may have been handed over.
    fn decode(
        &self,
        message: Incoming<'_>,
        sink: &mut dyn FnMut(Command<'_>) -> ControlFlow<()>,
    ) -> Result<(), Malformed>;

    /// Appends one message that answers command `id`; nothing if the protocol has no such answer.
    fn encode_reply(&self, id: u32, reply: &Result<Reply, ClientError>, out: &mut Vec<u8>);

    /// Appends one message that was not asked for; nothing if the protocol has no such message.
    fn encode_push(&self, push: &Push, out: &mut Vec<u8>);

    /// Appends one message that tells subscribers of `channel` about `message`; nothing if the
    /// protocol has no such message. Runs once per message and form, however many subscribers.
    fn encode_message(
        &self,
        channel: &ChannelName,
        message: &Message,
        form: Form<'_>,
        out: &mut Vec<u8>,
    );

    /// Appends a last message that tells why the connection ends, where its framing has no other
    /// way to; nothing if it has.
    fn encode_farewell(&self, _reason: &CloseReason, _out: &mut Vec<u8>) {}

    /// The close code and the words for a reason, at most 123 bytes.
    fn close_code(&self, reason: &CloseReason) -> (u16, Cow<'static, str>);
}

/// The request that opens a connection.
#[derive(Clone, Debug, Default)]
pub struct OpenRequest<'a> {
    /// The path, percent-encoded, without the query.
    pub path: &'a str,
    /// The query's parameters, decoded, in order.
    pub query: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The subprotocol that was agreed upon.
    pub subprotocol: Option<&'static str>,
    /// The token of an `Authorization: Bearer` header.
    pub bearer: Option<&'a str>,
    /// The `Last-Event-ID` header of an EventSource that comes back.
    pub last_event_id: Option<&'a str>,
}

impl OpenRequest<'_> {
    /// The first value of a query parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

/// What a connection starts with.
#[derive(Debug)]
pub struct Opening {
    /// Index of its codec in the table of codecs.
    pub codec: CodecId,
    /// What it asks for by URL.
    pub requests: Vec<Request<'static>>,
}

/// Index of a codec in the node's table of codecs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodecId(pub u8);

/// A request that opens nothing: an HTTP status and one line of explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status code.
    pub status: u16,
    /// One line.
    pub message: Cow<'static, str>,
}

/// What stands behind one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// An event stream.
    EventStream,
}

/// A path that clients connect to.
pub trait Endpoint: Send + Sync {
    /// Whether `path` (percent-encoded) is this endpoint's.
    fn matches(&self, path: &str) -> bool;

    /// What it speaks.
    fn transport(&self) -> Transport;

    /// WebSocket subprotocols it knows, best first.
    fn subprotocols(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads the request.
    ///
    /// # Errors
    /// The request is answered with a refusal instead of a connection.
    fn open(&self, request: &OpenRequest<'_>) -> Result<Opening, Refusal>;
}
