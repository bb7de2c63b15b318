//! The little of HTTP/1.1 that the event loop needs for itself: reading a request head, and
//! answering shortly. Everything else is handed off to a real HTTP server.

mod escape;
mod forwarded;
mod head;
mod response;

pub use escape::{percent_decode, percent_decode_lossy};
pub use forwarded::{Network, NetworkError, Proxies};
pub use head::{Head, HeadError, HeadLimits, parse_head};
pub(crate) use response::write_head;
pub use response::write_response;
