//! One client that says a thing and waits for the answer: for what is not measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::{BenchError, Doing};
use crate::instrument::frame::{self, Header};
use crate::instrument::{command, upgrade};

/// The server answers each command within this time, or the bench gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// A response head longer than this (bytes) is none.
const MAX_HEAD: usize = 16 * 1024;
/// Commands that wait for an answer at any time; a server allows a few hundred.
const IN_FLIGHT: usize = 128;

/// A blocking client that keeps what it received and has not yet used.
pub(crate) struct Client {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// A client that has upgraded its connection, and the head of the server's response.
    ///
    /// # Errors
    /// The server is not there or does not want to.
    pub(crate) fn open(address: SocketAddr, path: &str) -> Result<(Self, String), BenchError> {
        let socket = TcpStream::connect(address).doing(&format!("connecting to {address}"))?;
        socket.set_read_timeout(Some(PATIENCE)).doing("setting a timeout")?;
        socket.set_nodelay(true).doing("setting no delay")?;
        let mut client = Self { socket, received: Vec::new() };
        client.write(upgrade::request(address, path).as_bytes())?;
        let head = client.head()?;
        if !head.starts_with("HTTP/1.1 101") {
            let status = head.lines().next().unwrap_or_default();
            return Err(BenchError::Protocol(format!("{path} answered {status}")));
        }
        Ok((client, head))
    }

    /// A client that has opened its session, and whether the server wants its pings answered.
    ///
    /// # Errors
    /// The server is not there or does not want to.
    pub(crate) fn connect(address: SocketAddr, path: &str) -> Result<(Self, bool), BenchError> {
        let (mut client, _) = Self::open(address, path)?;
        let reply = client.ask(&command::connect())?;
        Ok((client, reply.contains(r#""pong":true"#)))
    }

    /// Has many commands answered, some of them at a time.
    ///
    /// # Errors
    /// One of them is refused or not answered in time.
    pub(crate) fn ask_all(
        &mut self,
        commands: impl IntoIterator<Item = String>,
    ) -> Result<(), BenchError> {
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let mut frames = Vec::new();
            let some = commands.by_ref().take(IN_FLIGHT);
            let asked = some.map(|command| frame::push_masked(&command, &mut frames)).count();
            self.write(&frames)?;
            for _ in 0..asked {
                let reply = self.text()?;
                if !reply.starts_with(r#"{"id""#) || reply.contains(r#""error""#) {
                    return Err(BenchError::Protocol(format!("{reply} instead of a reply")));
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.socket.write_all(bytes).doing("writing to the server")
    }

    fn receive(&mut self) -> Result<(), BenchError> {
        let mut buffer = [0; 4096];
        let count = self.socket.read(&mut buffer).doing("waiting for the server's answer")?;
        if count == 0 {
            return Err(BenchError::Protocol("the server closed the connection".into()));
        }
        self.received.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn head(&mut self) -> Result<String, BenchError> {
        loop {
            if let Some(at) = upgrade::find(&self.received, upgrade::HEAD_END) {
                let head: Vec<u8> = self.received.drain(..at + upgrade::HEAD_END.len()).collect();
                return String::from_utf8(head)
                    .map_err(|_| BenchError::Protocol("a response head that is not text".into()));
            }
            if self.received.len() > MAX_HEAD {
                return Err(BenchError::Protocol("a response head without end".into()));
            }
            self.receive()?;
        }
    }

    /// Says a command and waits for the next text that is no ping.
    ///
    /// # Errors
    /// There is none in time, or it comes in a frame the floor could not repeat.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, BenchError> {
        let mut frame = Vec::new();
        frame::push_masked(command, &mut frame);
        self.write(&frame)?;
        self.text()
    }

    /// The next text that is no ping.
    ///
    /// # Errors
    /// There is none in time, or it comes in a frame the floor could not repeat.
    pub(crate) fn text(&mut self) -> Result<String, BenchError> {
        loop {
            let header = Header::read(&self.received)
                .map_err(|error| BenchError::Protocol(error.to_string()))?;
            let Some(header) = header.filter(|h| self.received.len() >= h.size + h.payload) else {
                self.receive()?;
                continue;
            };
            let frame: Vec<u8> = self.received.drain(..header.size + header.payload).collect();
            let text = String::from_utf8_lossy(&frame[header.size..]).into_owned();
            if frame::unmasked(&text) != frame {
                return Err(BenchError::Protocol(format!(
                    "a frame that the floor could not repeat: {}",
                    frame.escape_ascii()
                )));
            }
            if text != "{}" {
                return Ok(text);
            }
        }
    }
}
