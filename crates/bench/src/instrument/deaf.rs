//! A subscriber that is never read, and what becomes of it.

use std::io::{self, Read};
use std::time::Duration;

use crate::instrument::connection::Connection;
use crate::instrument::frame::Kind;

/// Bytes of one `recv`.
const RECEIVE: usize = 64 * 1024;

/// How long a server that has closed may take to get the rest through: what it had sent fills the
/// window until the reading starts, and its farewell comes behind that.
const FAREWELL: Duration = Duration::from_secs(5);

/// How a connection that was not read has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is still open.
    Open,
    /// The server closed it, with this code where the connection was still able to carry one.
    Closed(Option<u16>),
}

/// A subscriber that is never read.
#[derive(Debug)]
pub(crate) struct Deaf(pub(crate) Connection);

impl Deaf {
    /// Reads at last all that the kernel kept, to learn whether and how the server closed it.
    pub(crate) fn fate(mut self) -> io::Result<Fate> {
        self.0.socket.set_nonblocking(false)?;
        self.0.socket.set_read_timeout(Some(FAREWELL))?;
        let mut buffer = vec![0; RECEIVE];
        let mut code = None;
        loop {
            match self.0.socket.read(&mut buffer) {
                Ok(0) => return Ok(Fate::Closed(code)),
                Ok(count) => {
                    let mut bytes = &buffer[..count];
                    while let Ok(Some(kind)) = self.0.reader.next(&mut bytes) {
                        if let Kind::Close(given) = kind {
                            code = Some(given);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(code.map_or(Fate::Open, |code| Fate::Closed(Some(code))));
                }
                Err(_) => return Ok(Fate::Closed(code)),
            }
        }
    }
}
