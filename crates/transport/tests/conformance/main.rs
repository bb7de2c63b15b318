//! The frame decoder held to RFC 6455 and RFC 7692, in the groups of the Autobahn|Testsuite:
//! bytes of a client in, events or a refusal out.
//!
//! Every case is fed whole, cut in two at every byte, and byte by byte; what comes out may not
//! depend on it.

mod close;
mod compression;
mod differential;
mod framing;
mod limits;
mod properties;
mod utf8;
mod wire;
