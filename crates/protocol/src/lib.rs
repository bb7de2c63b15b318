//! How clients talk on the wire.
//!
//! Each family of clients has a [`Codec`](trunkline_core::codec::Codec), which is stateless and
//! turns messages into commands and replies into bytes, and an
//! [`Endpoint`](trunkline_core::codec::Endpoint), which reads what a connection asks for by URL.
//! Nothing here knows a socket, a clock or another connection.
//!
//! [`centrifuge`] is the full protocol in JSON and Protobuf; [`plain`] is the same JSON for
//! clients without an SDK, over a WebSocket or an event stream; [`raw`] is payloads alone; [`rooms`] is a chat format fixed
//! by its path. [`registry`] lists them all. [`json`] holds what they share with the server API.

pub mod centrifuge;
mod close;
pub mod json;
pub mod plain;
mod position;
pub mod raw;
pub mod registry;
pub mod rooms;

pub use centrifuge::codes;
