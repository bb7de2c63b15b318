//! A connection that turned out to be plain HTTP leaves the event loop for an ordinary HTTP
//! server, together with the bytes that were already read from it.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use rustls::ServerConnection;

use crate::socket::Socket;

/// A connection on its way to another server.
#[derive(Debug)]
pub struct Handoff {
    /// The connection itself, non-blocking.
    pub io: HandoffIo,
    /// What the client has sent so far, as plaintext; comes before anything read from `io`.
    pub prefix: Vec<u8>,
    /// The client's address; `None` over a Unix socket.
    pub peer: Option<SocketAddr>,
}

/// The streams there are, outside of any event loop.
#[derive(Debug)]
pub enum HandoffIo {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix domain socket.
    Unix(UnixStream),
    /// TLS over TCP, its handshake done. The TLS state may hold plaintext that arrived behind
    /// the prefix, and ciphertext that waits to be sent.
    TlsTcp(TcpStream, Box<ServerConnection>),
}

impl Handoff {
    /// Takes a deregistered connection out of the loop. `prefix` is everything that was read
    /// from it.
    pub fn new(socket: Socket, prefix: Vec<u8>) -> Self {
        let (io, peer) = socket.into_parts();
        Self { io, prefix, peer }
    }
}
