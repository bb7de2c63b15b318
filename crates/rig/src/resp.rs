//! As much of Redis' protocol as setting servers up needs: one command, one answer.
//!
//! RESP2, as on <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::io::{BufRead, BufReader, Error as IoError, ErrorKind, Read, Write};

use crate::error::Error;

/// Levels of arrays in arrays that are read. `CLUSTER SLOTS` has four.
const DEPTH: usize = 8;

/// The longest text or array of an answer, in bytes or elements: what a Redis server itself takes
/// for a text.
const LENGTH: usize = 512 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A short text such as `OK`.
    Status(String),
    /// An error within an array, as from `EXEC`. One that is the whole answer is an [`Error`].
    Refused(String),
    /// A number.
    Integer(i64),
    /// A value.
    Bytes(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several.
    Array(Vec<Reply>),
}

impl Reply {
    /// A status, number or value as text, where bytes that are no UTF-8 are replaced; empty for all
    /// others.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Status(text) | Self::Refused(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Nil | Self::Array(_) => String::new(),
        }
    }

    /// A number, also one that is written as text.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => self.text().parse().ok(),
        }
    }

    /// The elements of an array; none for all others.
    #[must_use]
    pub fn array(&self) -> &[Reply] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }
}

/// A connection to a server, over whatever carries bytes.
#[derive(Debug)]
pub struct Line<S: Read + Write> {
    stream: BufReader<S>,
}

impl<S: Read + Write> Line<S> {
    /// Over a connected stream. Its timeouts are the caller's business.
    pub fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a command and reads its answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the server said no, [`Error::Answer`] if it said what is no RESP2, and
    /// [`Error::System`] if the connection broke or timed out. It is of no use after these two.
    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<Reply, Error> {
        let command =
            arguments.first().map_or("", |name| str::from_utf8(name.as_ref()).unwrap_or(""));
        let failed = |source: IoError| match source.kind() {
            ErrorKind::InvalidData => {
                Error::Answer { command: command.to_owned(), answer: source.to_string() }
            }
            _ => Error::System { doing: command.to_owned(), source },
        };
        self.send(arguments).map_err(failed)?;
        match self.receive(DEPTH).map_err(failed)? {
            Reply::Refused(message) => Err(Error::Refused { command: command.to_owned(), message }),
            reply => Ok(reply),
        }
    }

    fn send<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<(), IoError> {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments.iter().map(AsRef::as_ref) {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes)?;
        self.stream.get_mut().flush()
    }

    fn receive(&mut self, depth: usize) -> Result<Reply, IoError> {
        let line = self.line()?;
        let Some((kind, rest)) = line.split_at_checked(1) else { return Err(garbled(&line)) };
        Ok(match kind {
            "+" => Reply::Status(rest.to_owned()),
            "-" => Reply::Refused(rest.to_owned()),
            ":" => Reply::Integer(rest.parse().map_err(|_| garbled(&line))?),
            "$" | "*" if rest == "-1" => Reply::Nil,
            "$" => Reply::Bytes(self.bytes(length(rest).ok_or_else(|| garbled(&line))?)?),
            "*" if depth > 0 => {
                let count = length(rest).ok_or_else(|| garbled(&line))?;
                let elements = (0..count).map(|_| self.receive(depth - 1));
                Reply::Array(elements.collect::<Result<_, _>>()?)
            }
            _ => return Err(garbled(&line)),
        })
    }

    fn line(&mut self) -> Result<String, IoError> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, IoError> {
        let mut bytes = Vec::new();
        let whole = length as u64 + 2;
        self.stream.by_ref().take(whole).read_to_end(&mut bytes)?;
        match bytes.strip_suffix(b"\r\n") {
            Some(value) if value.len() == length => Ok(value.to_vec()),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn length(text: &str) -> Option<usize> {
    text.parse().ok().filter(|length| *length <= LENGTH)
}

fn garbled(line: &str) -> IoError {
    IoError::new(ErrorKind::InvalidData, line.to_owned())
}
