//! The Centrifuge client protocol, version 2, in JSON and in Protobuf.
//!
//! A client sends commands with ids, the node answers each with a reply, and sends pushes in
//! between. Messages may be batched: JSON ones are joined by line breaks, Protobuf ones are
//! preceded by their length. The empty message is a ping, and its answer.

pub mod codes;
mod endpoint;
pub(crate) mod json;
mod protobuf;

pub use self::endpoint::Centrifuge;
pub use self::json::JsonCodec;
pub use self::protobuf::ProtobufCodec;

/// What the node says of itself in the reply to `connect`.
const SERVER_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " trunkline");

/// Bit of a subscribe request's `flag`: answer an error when the position cannot be recovered.
const REJECT_UNRECOVERED: i64 = 2;

/// What a subscribe request calls the only kind of differences there is.
const FOSSIL: &str = "fossil";

/// How a connection of this protocol is kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pings {
    /// By empty messages, as every SDK expects.
    Messages,
    /// By WebSocket ping frames, which browsers and command-line tools answer by themselves.
    Frames,
}

/// The `limit` of a history request: 0 asks for the position alone, a negative one for all.
fn history_limit(limit: i32) -> Option<usize> {
    usize::try_from(limit).ok()
}
