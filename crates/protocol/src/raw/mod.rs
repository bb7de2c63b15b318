//! Payloads and nothing else, at `/ws?format=raw`: for applications whose clients know their own
//! messages already and no protocol around them.
//!
//! Each frame out is what was published. A JSON string is sent as its text, any other value as it
//! was written. Text that comes in is for the application: its method is the member `msg_type`, if it
//! is an object that has one. `{"msg_type":"login"}` asks who the connection is by now, and what
//! begins with `inbox.` is about the user's inbox.

mod codec;

pub use self::codec::RawCodec;
