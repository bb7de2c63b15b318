//! Learns from a running server which bytes it sends, by being one client of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::{BenchError, Doing};
use crate::instrument::command;
use crate::instrument::frame::{self, Header};
use crate::instrument::script::Script;
use crate::instrument::upgrade;

/// The server answers each command within this time, or the bench gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// A response head longer than this (bytes) is none.
const MAX_HEAD: usize = 16 * 1024;

/// Connects, subscribes and publishes `data` once, and writes down every answer.
///
/// # Errors
/// The server does not answer in time, refuses a command, or frames its answers in a way the floor
/// could not repeat.
pub(crate) fn script(address: SocketAddr, path: &str, data: &str) -> Result<Script, BenchError> {
    let mut client = Client::open(address)?;
    client.write(upgrade::request(address, path).as_bytes())?;
    let upgrade = client.head()?;
    if !upgrade.starts_with("HTTP/1.1 101") {
        let status = upgrade.lines().next().unwrap_or_default();
        return Err(BenchError::Protocol(format!("{path} answered {status}")));
    }
    let connect_reply = client.ask(&command::connect())?;
    let subscribe_reply = client.ask(&command::subscribe(0))?;
    let first = client.ask(&command::publish(0, data))?;
    let second = client.text()?;
    // Which of the two comes first is the server's choice.
    let (publish_reply, publication) =
        if first.starts_with(r#"{"id""#) { (first, second) } else { (second, first) };
    if !publication.starts_with(r#"{"push""#) {
        return Err(BenchError::Protocol(format!("{publication} instead of a publication")));
    }
    for reply in [&connect_reply, &subscribe_reply, &publish_reply] {
        if !reply.starts_with(r#"{"id""#) || reply.contains(r#""error""#) {
            return Err(BenchError::Protocol(format!("{reply} instead of a reply")));
        }
    }
    Ok(Script { upgrade, connect_reply, subscribe_reply, publish_reply, publication })
}

/// A blocking client that keeps what it received and has not yet used.
struct Client {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Client {
    fn open(address: SocketAddr) -> Result<Self, BenchError> {
        let socket = TcpStream::connect(address).doing(&format!("connecting to {address}"))?;
        socket.set_read_timeout(Some(PATIENCE)).doing("setting a timeout")?;
        socket.set_nodelay(true).doing("setting no delay")?;
        Ok(Self { socket, received: Vec::new() })
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

    fn ask(&mut self, command: &str) -> Result<String, BenchError> {
        let mut frame = Vec::new();
        frame::push_masked(command, &mut frame);
        self.write(&frame)?;
        self.text()
    }

    /// The next text frame that is no ping.
    fn text(&mut self) -> Result<String, BenchError> {
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
