//! A TLS connection over a non-blocking TCP connection.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::TcpStream;
use rustls::ServerConnection;

/// Plaintext bytes that one write may turn into ciphertext: four records of TLS. It bounds what
/// the connection holds beside the caller's own queue.
const WRITE_LIMIT: usize = 64 * 1024;

/// The TCP connection and the state of its encryption.
#[derive(Debug)]
pub struct TlsStream {
    tcp: TcpStream,
    tls: ServerConnection,
    /// The last read returned bytes and so may have left some behind, in here or in the kernel.
    unread: bool,
    /// The sending side is to be shut down once the farewell alert is out.
    closing: bool,
}

impl TlsStream {
    pub(super) fn new(tcp: TcpStream, mut tls: ServerConnection) -> Self {
        tls.set_buffer_limit(Some(WRITE_LIMIT));
        Self { tcp, tls, unread: false, closing: false }
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let outcome = self.read_plaintext(buf);
        self.unread = matches!(outcome, Ok(1..));
        outcome
    }

    fn read_plaintext(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            match self.tls.read_tls(&mut self.tcp) {
                Ok(0) => {
                    // Without a farewell alert this is a cut connection; the reader says so.
                    let _ = self.tls.process_new_packets();
                    return self.tls.reader().read(buf);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let processed = self.tls.process_new_packets();
            // Handshake answers, and the alert that tells the peer what it did wrong.
            let flushed = self.flush_pending();
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            flushed?;
        }
    }

    pub(crate) fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        // Before the end of the handshake rustls would keep the plaintext, unbounded by the
        // peer's pace.
        if !self.flush_pending()? || self.tls.is_handshaking() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = self.tls.writer().write_vectored(bufs)?;
        self.flush_pending()?;
        Ok(taken)
    }

    pub(crate) fn flush_pending(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if std::mem::take(&mut self.closing) {
            self.tcp.shutdown(Shutdown::Write)?;
        }
        Ok(true)
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.tls.wants_write()
    }

    pub(crate) fn more_to_read(&self) -> bool {
        self.unread
    }

    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.closing = true;
        self.flush_pending().map(|_| ())
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }

    pub(crate) fn into_parts(self) -> (TcpStream, ServerConnection) {
        (self.tcp, self.tls)
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        &mut self.tcp
    }
}
