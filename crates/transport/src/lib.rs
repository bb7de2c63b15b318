//! Bytes and no meaning: what lies between a socket and a command.
//!
//! | module | what |
//! |---|---|
//! | [`frame`] | WebSocket frames (RFC 6455), read and written |
//! | [`deflate`] | permessage-deflate (RFC 7692): offers, compressing, bounded inflating |
//! | [`http`] | request heads, percent-encoding, short responses |
//! | [`upgrade`] | from a request head to `101 Switching Protocols`, with the origin check |
//! | [`sse`] | the head of a stream of Server-Sent Events |
//! | [`socket`] | one accepted connection: TCP, Unix or TLS, non-blocking |
//! | [`handoff`] | a connection that leaves the loop for an ordinary HTTP server |
//! | [`tls`] | certificates, their reloading, and the handshake |
//! | [`listen`] | addresses and listeners |
//!
//! Everything is made for a single-threaded event loop with edge-triggered readiness: nothing
//! blocks, nothing is asynchronous, and an idle connection owns no buffer. Bytes from the
//! network are parsed in the caller's shared read buffer; bytes for the network are appended to
//! a `Vec<u8>` of the caller's.

pub mod deflate;
pub mod frame;
pub mod handoff;
pub mod http;
pub mod listen;
mod platform;
pub mod socket;
pub mod sse;
pub mod tls;
pub mod upgrade;

pub use deflate::{DeflateOptions, Deflater, Inflater, Negotiated, negotiate};
pub use frame::{Decoder, Event, FrameError, FrameLimits, Opcode, write_close, write_frame};
pub use handoff::{Handoff, HandoffIo};
pub use http::{
    Head, HeadError, HeadLimits, Network, NetworkError, Proxies, parse_head, percent_decode,
    percent_decode_lossy, write_response,
};
pub use listen::{Acceptor, ListenAddr, ListenAddrError, bind_shared, bind_single, from_systemd};
pub use socket::Socket;
pub use tls::{TlsAcceptor, TlsError};
pub use upgrade::{Accepted, OriginPolicy, UpgradeError, UpgradePolicy, accept};
