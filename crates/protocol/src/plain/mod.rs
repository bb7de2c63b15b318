//! The JSON of the Centrifuge protocol for clients without an SDK: one object a message, pushes
//! without a wrapper, pings that browsers and tools answer by themselves, and everything a
//! reader needs to ask for in the URL. Over a WebSocket at `/ws`, over an event stream at `/sse`.

mod codec;
pub(crate) mod endpoint;
mod event_stream;

pub use self::codec::PlainCodec;
pub use self::endpoint::{EventStream, PlainWebSocket};
pub use self::event_stream::EventStreamCodec;
