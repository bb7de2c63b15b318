//! One accepted connection, non-blocking, whatever it runs over.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::handoff::HandoffIo;
use crate::tls::TlsStream;

/// A client's connection. Two words in size, because there is one for each of very many.
///
/// Reads and writes never block: they answer [`io::ErrorKind::WouldBlock`] when nothing can be
/// done until the next event. Events are edge-triggered, so a reader goes on until then, and
/// as long as [`more_to_read`](Self::more_to_read).
#[derive(Debug)]
pub enum Socket {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix domain socket.
    Unix(UnixStream),
    /// TLS over TCP.
    TlsTcp(Box<TlsStream>),
}

/// Debug builds are excepted: in them mio keeps a word more for its own checks.
const _: () = assert!(cfg!(debug_assertions) || size_of::<Socket>() <= 16);

impl Socket {
    /// Reads what there is; 0 is the end. Over TLS this also drives the handshake.
    ///
    /// # Errors
    /// `WouldBlock`, or what ended the connection; `InvalidData` when the peer broke TLS.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buf),
            Self::Unix(stream) => stream.read(buf),
            Self::TlsTcp(stream) => stream.read(buf),
        }
    }

    /// Writes what fits and says how many bytes were taken. Over TLS nothing is taken while
    /// earlier ciphertext still waits, so that a slow peer's backlog stays in the caller's
    /// bounded queue and not in here.
    ///
    /// # Errors
    /// `WouldBlock`, or what ended the connection.
    pub fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buf),
            Self::Unix(stream) => stream.write(buf),
            Self::TlsTcp(stream) => stream.write_vectored(&[IoSlice::new(buf)]),
        }
    }

    /// Like [`write`](Self::write), from several buffers in order.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(bufs),
            Self::Unix(stream) => stream.write_vectored(bufs),
            Self::TlsTcp(stream) => stream.write_vectored(bufs),
        }
    }

    /// Pushes out what was taken but not yet sent; to be called when the socket has become
    /// writable. `true`: nothing is left.
    ///
    /// # Errors
    /// What ended the connection; never `WouldBlock`.
    pub fn flush_pending(&mut self) -> io::Result<bool> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(true),
            Self::TlsTcp(stream) => stream.flush_pending(),
        }
    }

    /// Whether [`flush_pending`](Self::flush_pending) has something to do.
    pub fn has_pending(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            Self::TlsTcp(stream) => stream.has_pending(),
        }
    }

    /// Whether the last read may have left bytes behind that no new event will announce. Then
    /// the caller reads again, until `WouldBlock`, whatever the size of the last read was.
    pub fn more_to_read(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            Self::TlsTcp(stream) => stream.more_to_read(),
        }
    }

    /// Says that nothing more will be sent. Over TLS the farewell alert goes first, if need be
    /// with a later [`flush_pending`](Self::flush_pending). That the peer is gone already is
    /// no error.
    pub fn shutdown_write(&mut self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::TlsTcp(stream) => stream.shutdown_write(),
        };
    }

    /// The peer's address; `None` over a Unix socket, and when the peer is gone already.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Unix(_) => None,
            Self::TlsTcp(stream) => stream.peer_addr().ok(),
        }
    }

    /// Takes the connection out of the event loop, with its peer's address. It must have been
    /// deregistered; it stays non-blocking.
    pub fn into_parts(self) -> (HandoffIo, Option<SocketAddr>) {
        let peer = self.peer_addr();
        let io = match self {
            Self::Tcp(stream) => HandoffIo::Tcp(stream.into()),
            Self::Unix(stream) => HandoffIo::Unix(stream.into()),
            Self::TlsTcp(stream) => {
                let (stream, tls) = stream.into_parts();
                HandoffIo::TlsTcp(stream.into(), Box::new(tls))
            }
        };
        (io, peer)
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
            Self::TlsTcp(stream) => stream.source(),
        }
    }
}

impl Source for Socket {
    fn register(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.source().register(on, token, interest)
    }

    fn reregister(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.source().reregister(on, token, interest)
    }

    fn deregister(&mut self, on: &Registry) -> io::Result<()> {
        self.source().deregister(on)
    }
}
