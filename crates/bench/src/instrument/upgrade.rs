//! The upgrade from HTTP (RFC 6455 §4): the request, its answer, and the key that ties them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::net::SocketAddr;

/// RFC 6455 §1.3: what a server appends to the client's key before hashing.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Sixteen bytes, as the RFC wants; always the same, as no proxy stands between generator and
/// server.
const NONCE: &[u8; 16] = b"trunkline-bench!";

/// Ends the head of a request and of a response.
pub(crate) const HEAD_END: &[u8] = b"\r\n\r\n";
/// Length of an accept key in base64.
pub(crate) const ACCEPT_LENGTH: usize = 28;

const KEY_HEADER: &[u8] = b"Sec-WebSocket-Key: ";
const KEY_LENGTH: usize = 24;

/// The request that upgrades a connection to `path`.
pub(crate) fn request(address: SocketAddr, path: &str) -> String {
    let key = STANDARD.encode(NONCE);
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The key of a whole request; `None` when it has none or is not whole.
pub(crate) fn key(request: &[u8]) -> Option<&[u8]> {
    if !request.ends_with(HEAD_END) {
        return None;
    }
    let at = find(request, KEY_HEADER)? + KEY_HEADER.len();
    request.get(at..at + KEY_LENGTH)
}

/// The accept key that answers `key`.
pub(crate) fn accept(key: &[u8]) -> [u8; ACCEPT_LENGTH] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; ACCEPT_LENGTH];
    // A SHA-1 digest of 20 bytes is always 28 characters.
    let _ = STANDARD.encode_slice(digest, &mut accept);
    accept
}

/// Where the first `needle` is.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

/// Waits for the end of a response's head over any chunking.
#[derive(Debug, Default)]
pub(crate) struct ResponseHead {
    seen: usize,
    /// How much of [`HEAD_END`] the last bytes seen were.
    matched: usize,
}

/// The server did not switch protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server did not answer 101")]
pub(crate) struct NotUpgraded;

impl ResponseHead {
    /// Takes bytes off the front of `bytes`, up to the end of the head, and says whether it has
    /// been reached.
    ///
    /// # Errors
    /// The status is not 101.
    pub(crate) fn finish(&mut self, bytes: &mut &[u8]) -> Result<bool, NotUpgraded> {
        const STATUS: &[u8] = b"HTTP/1.1 101";
        while let Some((&byte, rest)) = bytes.split_first() {
            if STATUS.get(self.seen).is_some_and(|&wanted| wanted != byte) {
                return Err(NotUpgraded);
            }
            self.seen += 1;
            self.matched = match byte {
                _ if byte == HEAD_END[self.matched] => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            *bytes = rest;
            if self.matched == HEAD_END.len() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_the_rfcs() {
        assert_eq!(&accept(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_key_of_our_own_request_is_found() {
        let request = request(([127, 0, 0, 1], 8_000).into(), "/connection/websocket");
        let key = key(request.as_bytes()).unwrap();
        assert_eq!(STANDARD.decode(key).unwrap(), NONCE);
        assert!(super::key(&request.as_bytes()[..request.len() - 1]).is_none());
    }

    #[test]
    fn a_response_ends_at_its_blank_line_however_it_is_cut() {
        let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nrest";
        for chunk in 1..response.len() {
            let mut head = ResponseHead::default();
            let mut rest = 0;
            let mut done = false;
            for mut bytes in response.chunks(chunk) {
                if !done {
                    done = head.finish(&mut bytes).unwrap();
                }
                rest += if done { bytes.len() } else { 0 };
            }
            assert!(done);
            assert_eq!(rest, 4, "in chunks of {chunk}");
        }
    }

    #[test]
    fn a_refusal_is_noticed_at_its_first_bytes() {
        let mut bytes = &b"HTTP/1.1 403 Forbidden\r\n\r\n"[..];
        assert_eq!(ResponseHead::default().finish(&mut bytes), Err(NotUpgraded));
    }
}
