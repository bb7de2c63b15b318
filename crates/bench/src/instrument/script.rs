//! The bytes a server sends, so that the floor can send the same.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{BenchError, Doing};
use crate::instrument::upgrade::{ACCEPT_LENGTH, HEAD_END, find};

/// What a server answers, text for text, learnt from it before the measurement. Frames are kept as
/// their payloads: each is one final text frame whose header follows from its length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Script {
    /// The head of the 101 response, its blank line included.
    pub(crate) upgrade: String,
    /// The reply to the connect command.
    pub(crate) connect_reply: String,
    /// The reply to a subscribe command.
    pub(crate) subscribe_reply: String,
    /// The reply to a publish command.
    pub(crate) publish_reply: String,
    /// What every subscriber receives for a publication.
    pub(crate) publication: String,
}

impl Script {
    /// A script in the shape of the Centrifuge protocol, for measuring the floor against itself.
    pub(crate) fn sample(data: &str) -> Self {
        Self {
            upgrade: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: ****************************\r\n\r\n"
                .into(),
            connect_reply: r#"{"id":1,"connect":{"client":"00000000-0000-0000-0000-000000000000","ping":25,"pong":true}}"#
                .into(),
            subscribe_reply: r#"{"id":2,"subscribe":{}}"#.into(),
            publish_reply: r#"{"id":3,"publish":{}}"#.into(),
            publication: format!(r#"{{"push":{{"channel":"bench:0000","pub":{{"data":{data}}}}}}}"#),
        }
    }

    /// Whether the server wants its pings answered.
    pub(crate) fn wants_pongs(&self) -> bool {
        self.connect_reply.contains(r#""pong":true"#)
    }

    /// The 101 response before and after its accept key.
    ///
    /// # Errors
    /// The script's upgrade has no accept key or no end.
    pub(crate) fn upgrade_around_accept(&self) -> Result<(&[u8], &[u8]), BenchError> {
        const HEADER: &[u8] = b"Sec-WebSocket-Accept: ";
        let head = self.upgrade.as_bytes();
        find(head, HEADER)
            .map(|at| at + HEADER.len())
            .filter(|at| head.len() >= at + ACCEPT_LENGTH && head.ends_with(HEAD_END))
            .map(|at| (&head[..at], &head[at + ACCEPT_LENGTH..]))
            .ok_or_else(|| BenchError::Protocol("a 101 response without accept key".into()))
    }

    /// Reads a script from its JSON file.
    ///
    /// # Errors
    /// The file cannot be read or is no script.
    pub(crate) fn load(path: &Path) -> Result<Self, BenchError> {
        let text = fs::read(path).doing(&format!("reading {}", path.display()))?;
        serde_json::from_slice(&text)
            .map_err(|error| BenchError::Usage(format!("{} is no script: {error}", path.display())))
    }

    /// Writes a script as a JSON file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn save(&self, path: &Path) -> Result<(), BenchError> {
        let file = fs::File::create(path).doing(&format!("creating {}", path.display()))?;
        serde_json::to_writer_pretty(file, self)
            .map_err(std::io::Error::from)
            .doing(&format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_comes_back_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script.json");
        let script = Script::sample(r#"{"text":"ü"}"#);
        script.save(&path).unwrap();
        assert_eq!(Script::load(&path).unwrap(), script);
    }

    #[test]
    fn the_accept_key_is_found_whatever_its_place() {
        let script = Script {
            upgrade: "HTTP/1.1 101 x\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\na: b\r\n\r\n"
                .into(),
            ..Script::sample("{}")
        };
        let (before, after) = script.upgrade_around_accept().unwrap();
        assert!(before.ends_with(b"accept: "));
        assert_eq!(after, b"\r\na: b\r\n\r\n");
        let broken = Script { upgrade: "HTTP/1.1 101 x\r\n\r\n".into(), ..script };
        assert!(broken.upgrade_around_accept().is_err());
    }
}
