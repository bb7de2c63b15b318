//! The client's end of a connection: bytes in, bytes out, nothing waits for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustls::ClientConnection;
use socket2::{Domain, SockRef, Socket, Type};

use super::secrets::Secrets;
use super::waiting::PATIENCE;

/// Bytes asked for at a time.
const READ_BYTES: usize = 256 * 1024;

/// One connection, blocking.
pub(crate) struct Peer {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What came and was not taken yet.
    pub(crate) received: Vec<u8>,
    /// Whether the connection was broken off instead of ended.
    pub(crate) was_reset: bool,
}

impl Peer {
    /// Connects, over TLS when there are secrets to share.
    pub(crate) fn dial(address: SocketAddr, secrets: Option<&Secrets>) -> Self {
        let tcp = TcpStream::connect(address).expect("a connection");
        tcp.set_nodelay(true).expect("an option");
        Self::over(tcp, secrets)
    }

    /// Connects, with room for few bytes that are not read yet.
    pub(crate) fn dial_with_room(address: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("an option");
        socket.connect(&address.into()).expect("a connection");
        Self::over(socket.into(), None)
    }

    /// Takes a connection that was made already.
    pub(crate) fn over(tcp: TcpStream, secrets: Option<&Secrets>) -> Self {
        tcp.set_read_timeout(Some(PATIENCE)).expect("an option");
        tcp.set_write_timeout(Some(PATIENCE)).expect("an option");
        let tls = secrets.map(|secrets| Box::new(secrets.client()));
        Self { tcp, tls, received: Vec::new(), was_reset: false }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("sent");
    }

    /// Sends to a node that may be about to hang up.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.tcp.write_all(bytes),
            Some(tls) => {
                let mut stream = rustls::Stream::new(&mut **tls, &mut self.tcp);
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }

    /// Sends each piece in a TLS record of its own, but all of them together.
    #[track_caller]
    pub(crate) fn send_records(&mut self, pieces: &[Vec<u8>]) {
        let tls = self.tls.as_mut().expect("TLS");
        for piece in pieces {
            tls.writer().write_all(piece).expect("room");
        }
        rustls::Stream::new(&mut **tls, &mut self.tcp).flush().expect("sent");
    }

    /// Waits for more bytes, in one call to the operating system, and says how many came; nothing is
    /// the end, however it came.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> usize {
        let before = self.received.len();
        self.received.resize(before + READ_BYTES, 0);
        let into = &mut self.received[before..];
        let outcome = match &mut self.tls {
            None => self.tcp.read(into),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.tcp).read(into),
        };
        let count = match outcome {
            Ok(count) => count,
            Err(error) if is_end(&error) => {
                self.was_reset = true;
                0
            }
            Err(error) => panic!("nothing came: {error}"),
        };
        self.received.truncate(before + count);
        count
    }

    /// Takes `count` bytes, or nothing when the end comes before.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.received.len() < count {
            if self.receive() == 0 {
                return None;
            }
        }
        Some(self.received.drain(..count).collect())
    }

    /// Takes everything up to and including `mark`.
    #[track_caller]
    pub(crate) fn take_through(&mut self, mark: &str) -> String {
        loop {
            let found = self.received.windows(mark.len()).position(|part| part == mark.as_bytes());
            if let Some(at) = found {
                let taken = self.received.drain(..at + mark.len()).collect();
                return String::from_utf8(taken).expect("text");
            }
            let came = self.receive();
            let so_far = String::from_utf8_lossy(&self.received);
            assert!(came > 0, "the end came before {mark:?}, after {so_far:?}");
        }
    }

    /// Takes everything until the end.
    #[track_caller]
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        while self.receive() > 0 {}
        std::mem::take(&mut self.received)
    }

    /// Says that nothing more will be sent, but goes on listening.
    pub(crate) fn end_sending(&mut self) {
        self.tcp.shutdown(Shutdown::Write).expect("still connected");
    }

    /// Ends without a word, as a process that is killed with data it has not read.
    pub(crate) fn reset(self) {
        SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO)).expect("an option");
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
    )
}
