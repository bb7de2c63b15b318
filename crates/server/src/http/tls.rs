//! TLS whose handshake is done, over a tokio connection.
//!
//! The state of the encryption is a machine without I/O: ciphertext is put in and taken out here,
//! and plaintext likewise at the other end.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// An encrypted connection.
pub(super) struct TlsOverTcp {
    tcp: TcpStream,
    tls: Box<ServerConnection>,
    /// The farewell alert has been made.
    farewell: bool,
}

impl TlsOverTcp {
    /// `tls` may hold plaintext that nobody has read and ciphertext that was not sent; both are
    /// taken up.
    pub(super) fn new(tcp: TcpStream, tls: Box<ServerConnection>) -> Self {
        Self { tcp, tls, farewell: false }
    }

    /// Sends the ciphertext that waits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, tls, .. } = self;
        while tls.wants_write() {
            match tls.write_tls(&mut Polled { tcp, cx }) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends of the ciphertext that waits what goes at once. For the reading side, which must not
    /// take the place of whoever waits to write.
    fn try_send(&mut self) {
        let Self { tcp, tls, .. } = self;
        // What fails or has to wait is found again by the next write.
        while tls.wants_write() && tls.write_tls(&mut Immediate(tcp)).is_ok_and(|sent| sent > 0) {}
    }
}

impl AsyncRead for TlsOverTcp {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.tls.reader().read(buf.initialize_unfilled()) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            let Self { tcp, tls, .. } = &mut *this;
            match tls.read_tls(&mut Polled { tcp, cx }) {
                // The end, too, is for the reader to tell: with a farewell alert or without.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
            let processed = tls.process_new_packets();
            // Answers to key updates, and the alert that tells the peer what it did wrong.
            this.try_send();
            if let Err(error) = processed {
                return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
            }
        }
    }
}

impl AsyncWrite for TlsOverTcp {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Nothing is encrypted while earlier ciphertext waits, so that a peer that does not read
        // holds back the writer and not memory in here.
        ready!(this.poll_send(cx))?;
        let taken = this.tls.writer().write(buf)?;
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.farewell {
            this.tls.send_close_notify();
            this.farewell = true;
        }
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

/// The connection as the TLS state wants it, in one poll: what would have to wait would block, and
/// the task is woken when it no longer has to.
struct Polled<'a, 'cx> {
    tcp: &'a mut TcpStream,
    cx: &'a mut Context<'cx>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        match Pin::new(&mut *self.tcp).poll_read(self.cx, &mut buf) {
            Poll::Ready(outcome) => outcome.map(|()| buf.filled().len()),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Polled<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.tcp).poll_write(self.cx, buf) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The connection without anybody to wake.
struct Immediate<'a>(&'a TcpStream);

impl Write for Immediate<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
