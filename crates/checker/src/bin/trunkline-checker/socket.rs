//! A WebSocket to the server, with bounds on how long anything takes.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::wire::{self, Said};

/// A server on the same machine accepts within this time, even when 200 come at once.
const CONNECTING: Duration = Duration::from_secs(5);
/// A message leaves within this time, unless the server does not read.
const SENDING: Duration = Duration::from_secs(10);
/// How long one look for a message takes if nothing else is said, after which plans are looked at again.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// What is read at once. There may be thousands of sockets.
const BUFFER_BYTES: usize = 8 * 1024;

/// The connection is gone, refused, or spoke nonsense.
#[derive(Debug)]
pub(crate) struct Gone;

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Opens `path`. A look for a message takes so long.
    pub(crate) fn open(address: SocketAddr, path: &str, look: Duration) -> Result<Self, Gone> {
        let stream = TcpStream::connect_timeout(&address, CONNECTING).map_err(|_| Gone)?;
        stream.set_nodelay(true).map_err(|_| Gone)?;
        stream.set_write_timeout(Some(SENDING)).map_err(|_| Gone)?;
        stream.set_read_timeout(Some(CONNECTING)).map_err(|_| Gone)?;
        let url = format!("ws://{address}{path}");
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES);
        let (socket, _) =
            tungstenite::client::client_with_config(url, stream, Some(config)).map_err(|_| Gone)?;
        socket.get_ref().set_read_timeout(Some(look)).map_err(|_| Gone)?;
        Ok(Self(socket))
    }

    /// Sends a text.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Gone> {
        self.0.send(Message::text(text)).map_err(|_| Gone)
    }

    /// What came, which is nothing when nothing did for one look. Pings are answered.
    pub(crate) fn hear(&mut self) -> Result<Vec<Said>, Gone> {
        let text = match self.0.read() {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(_)) => return Err(Gone),
            Ok(_) => return Ok(Vec::new()),
            Err(tungstenite::Error::Io(error)) if is_silence(error.kind()) => {
                return Ok(Vec::new());
            }
            Err(_) => return Err(Gone),
        };
        let mut said = wire::read(&text).map_err(|_| Gone)?;
        if said.iter().any(Said::is_ping) {
            self.say("{}")?;
            said.retain(|said| !said.is_ping());
        }
        Ok(said)
    }

    /// Closes it as a well-behaved client does, without waiting for the answer.
    pub(crate) fn close(mut self) {
        // Who is gone already needs no farewell.
        let _ = self.0.close(None);
    }
}

fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
