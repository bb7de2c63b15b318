//! A connection that an event loop has handed over, as tokio reads and writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use trunkline_transport::{Handoff, HandoffIo};

use super::tls::TlsOverTcp;

/// A stream that begins with what the event loop has read already.
pub(super) struct HandedOver {
    prefix: Vec<u8>,
    /// How much of the prefix has been read.
    read: usize,
    io: Io,
}

enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsOverTcp>),
}

/// Calls the same method of whichever stream there is.
macro_rules! each {
    ($handed_over:expr, $io:ident => $call:expr) => {
        match &mut $handed_over.get_mut().io {
            Io::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            Io::Unix(io) => {
                let $io = Pin::new(io);
                $call
            }
            Io::Tls(io) => {
                let $io = Pin::new(&mut **io);
                $call
            }
        }
    };
}

impl HandedOver {
    /// Takes a connection over, inside a tokio runtime.
    ///
    /// # Errors
    /// The runtime cannot watch it.
    pub(super) fn new(handoff: Handoff) -> io::Result<Self> {
        let io = match handoff.io {
            HandoffIo::Tcp(tcp) => Io::Tcp(TcpStream::from_std(tcp)?),
            HandoffIo::Unix(unix) => Io::Unix(UnixStream::from_std(unix)?),
            HandoffIo::TlsTcp(tcp, tls) => {
                Io::Tls(Box::new(TlsOverTcp::new(TcpStream::from_std(tcp)?, tls)))
            }
        };
        Ok(Self { prefix: handoff.prefix, read: 0, io })
    }
}

impl AsyncRead for HandedOver {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.prefix[self.read..];
        if left.is_empty() {
            return each!(self, io => io.poll_read(cx, buf));
        }
        let taken = left.len().min(buf.remaining());
        buf.put_slice(&left[..taken]);
        self.read += taken;
        if self.read == self.prefix.len() {
            // A connection that is kept alive has no more use for it.
            self.prefix = Vec::new();
            self.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HandedOver {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        !matches!(self.io, Io::Tls(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_shutdown(cx))
    }
}
