//! The floor of everything that goes through Redis: a socket, commands that were encoded
//! beforehand, and answers of which nothing is looked at but where they end and whether they are
//! errors.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::error::{BenchError, Doing};
use crate::instrument::generator::STALLED;

/// Bytes of one `recv`.
const RECEIVE: usize = 256 * 1024;

/// A connection to Redis.
#[derive(Debug)]
pub(crate) struct Bare {
    socket: TcpStream,
    buffer: Box<[u8]>,
    /// How much of the buffer was received and is no whole answer yet.
    held: usize,
}

impl Bare {
    /// A connection.
    ///
    /// # Errors
    /// Nobody is there.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, BenchError> {
        Self::over(TcpStream::connect(address).doing("connecting to Redis")?)
    }

    /// Over a socket that is connected.
    ///
    /// # Errors
    /// The socket is broken.
    pub(crate) fn over(socket: TcpStream) -> Result<Self, BenchError> {
        socket.set_nodelay(true).doing("setting no delay")?;
        socket.set_read_timeout(Some(STALLED)).doing("setting a timeout")?;
        Ok(Self { socket, buffer: vec![0; RECEIVE].into(), held: 0 })
    }

    /// Sends whole commands.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) fn send(&mut self, commands: &[u8]) -> Result<(), BenchError> {
        self.socket.write_all(commands).doing("writing to Redis")
    }

    /// Waits for answers, and says how many whole ones have come.
    ///
    /// # Errors
    /// None come in time, or one is an error.
    pub(crate) fn answers(&mut self) -> Result<u32, BenchError> {
        let mut count = 0;
        while count == 0 {
            let room = &mut self.buffer[self.held..];
            let received = self.socket.read(room).doing("waiting for Redis")?;
            if received == 0 {
                return Err(BenchError::Protocol("Redis closed the connection".into()));
            }
            let end = self.held + received;
            let mut at = 0;
            while let Some(length) = whole(&self.buffer[at..end])? {
                at += length;
                count += 1;
            }
            self.buffer.copy_within(at..end, 0);
            self.held = end - at;
        }
        Ok(count)
    }

    /// One command, answered.
    ///
    /// # Errors
    /// The answer is an error, or there is none.
    pub(crate) fn ask(&mut self, arguments: &[&[u8]]) -> Result<(), BenchError> {
        self.send(&encoded(arguments))?;
        self.answers().map(|_| ())
    }
}

/// A command as Redis wants it.
pub(crate) fn encoded(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The length of the answer that begins here; `None` if it is not whole.
///
/// # Errors
/// It is an error, or none of the kinds that are expected.
fn whole(bytes: &[u8]) -> Result<Option<usize>, BenchError> {
    let Some(line) = bytes.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
    let strange = || {
        let text = String::from_utf8_lossy(&bytes[..line]);
        BenchError::Protocol(format!("Redis answers {}", text.trim_end()))
    };
    let number =
        || -> Option<i64> { std::str::from_utf8(&bytes[1..line]).ok()?.trim_end().parse().ok() };
    let mut end = line + 1;
    match bytes[0] {
        b'+' | b':' => {}
        b'$' => {
            let length = number().ok_or_else(strange)?;
            // -1 stands for nothing.
            end += usize::try_from(length).map_or(0, |length| length + 2);
        }
        b'*' | b'>' => {
            for _ in 0..number().ok_or_else(strange)? {
                let Some(length) = whole(bytes.get(end..).unwrap_or_default())? else {
                    return Ok(None);
                };
                end += length;
            }
        }
        _ => return Err(strange()),
    }
    Ok((end <= bytes.len()).then_some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_when_they_are_whole() {
        for answer in [
            "+OK\r\n",
            ":12\r\n",
            "$-1\r\n",
            "$5\r\na\r\nbc\r\n",
            "*3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:1\r\n",
        ] {
            for end in 0..answer.len() {
                assert_eq!(whole(&answer.as_bytes()[..end]).unwrap(), None, "{answer:?} to {end}");
            }
            let followed = format!("{answer}+OK\r\n");
            assert_eq!(whole(followed.as_bytes()).unwrap(), Some(answer.len()), "{answer:?}");
        }
    }

    #[test]
    fn errors_are_told_in_the_words_of_redis() {
        let error = whole(b"-NOSCRIPT No matching script.\r\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unexpected answer: Redis answers -NOSCRIPT No matching script."
        );
    }

    #[test]
    fn a_command_is_an_array_of_its_arguments() {
        assert_eq!(encoded(&[b"SET", b"\r\n"]), b"*2\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n");
    }
}
