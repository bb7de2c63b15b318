//! Real sockets on the loopback: listeners, connections, TLS.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod listeners;
mod sockets;
mod tls;
mod waiting;
