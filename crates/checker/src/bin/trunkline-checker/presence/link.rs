//! A WebSocket that never blocks: thousands of them are served by one thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::socket::Gone;

/// The system accepts on the node's behalf within this time, unless too many wait for it already.
const CONNECTING: Duration = Duration::from_secs(5);
/// What is read at once. There may be thousands of sockets.
const BUFFER_BYTES: usize = 4 * 1024;

/// A connection, from its handshake on.
pub(super) struct Link(State);

enum State {
    Opening(MidHandshake<ClientHandshake<TcpStream>>),
    Open(Box<WebSocket<TcpStream>>),
    /// Between the two, and when it has failed.
    Neither,
}

impl Link {
    /// Asks for `path`. What comes is to be [heard](Self::hear) whenever `token` is awake.
    pub(super) fn open(
        address: SocketAddr,
        path: &str,
        registry: &Registry,
        token: Token,
    ) -> Result<Self, Gone> {
        let stream =
            std::net::TcpStream::connect_timeout(&address, CONNECTING).map_err(|_| Gone)?;
        stream.set_nodelay(true).map_err(|_| Gone)?;
        stream.set_nonblocking(true).map_err(|_| Gone)?;
        let mut stream = TcpStream::from_std(stream);
        // Before anything is tried, so that nothing that comes afterwards is missed.
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, token, interest).map_err(|_| Gone)?;
        let url = format!("ws://{address}{path}");
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES);
        let begun = tungstenite::client::client_with_config(url, stream, Some(config));
        let mut link = Self(State::Neither);
        link.go_on(begun.map(|(socket, _)| socket))?;
        Ok(link)
    }

    fn go_on(
        &mut self,
        step: Result<WebSocket<TcpStream>, HandshakeError<ClientHandshake<TcpStream>>>,
    ) -> Result<(), Gone> {
        self.0 = match step {
            Ok(socket) => State::Open(Box::new(socket)),
            Err(HandshakeError::Interrupted(midway)) => State::Opening(midway),
            Err(HandshakeError::Failure(_)) => return Err(Gone),
        };
        Ok(())
    }

    /// All texts that have come. Pings are answered.
    pub(super) fn hear(&mut self, texts: &mut Vec<String>) -> Result<(), Gone> {
        if let State::Opening(_) = self.0 {
            let State::Opening(midway) = std::mem::replace(&mut self.0, State::Neither) else {
                return Err(Gone);
            };
            self.go_on(midway.handshake().map(|(socket, _)| socket))?;
        }
        let socket = match &mut self.0 {
            State::Open(socket) => socket,
            State::Opening(_) => return Ok(()),
            State::Neither => return Err(Gone),
        };
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => texts.push(text.as_str().to_owned()),
                Ok(Message::Close(_)) => return Err(Gone),
                Ok(_) => {}
                Err(error) => return forgive(error),
            }
        }
    }

    /// Sends a text.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Gone> {
        let State::Open(socket) = &mut self.0 else { return Err(Gone) };
        socket.send(Message::text(text)).or_else(forgive)
    }

    /// Closes it as a well-behaved client does, without waiting for the answer. One that is dropped
    /// instead ends without a word.
    pub(super) fn close(mut self) {
        if let State::Open(socket) = &mut self.0 {
            // Who is gone already needs no farewell.
            let _ = socket.close(None);
            let _ = socket.flush();
        }
    }
}

/// There is nothing to read just now, or no room: the rest follows.
fn forgive(error: tungstenite::Error) -> Result<(), Gone> {
    match error {
        tungstenite::Error::Io(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        _ => Err(Gone),
    }
}
