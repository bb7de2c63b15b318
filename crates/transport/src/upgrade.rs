//! From a request head to an open WebSocket: the server's half of the opening handshake,
//! RFC 6455 section 4.2.

mod origin;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::deflate::{DeflateOptions, Negotiated, negotiate};
use crate::http::{Head, write_head, write_response};

pub use origin::OriginPolicy;

/// What every client's key is hashed with (section 1.3).
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a client's handshake has one of (section 11.3).
const HANDSHAKE_ONCE: [&str; 2] = ["sec-websocket-key", "sec-websocket-version"];

/// What a listener allows.
#[derive(Clone, Debug, Default)]
pub struct UpgradePolicy {
    /// Which web pages may connect.
    pub origins: OriginPolicy,
    /// Whether compression may be agreed to.
    pub deflate: DeflateOptions,
}

/// What was agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The chosen subprotocol, as an index into the server's list.
    pub subprotocol: Option<usize>,
    /// permessage-deflate with this window of the server's, 9 to 15 bits.
    pub deflate: Option<u8>,
}

/// Why the handshake is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UpgradeError {
    /// No `Upgrade: websocket`, or a request of HTTP/1.0.
    #[error("this address speaks WebSocket")]
    NotWebSocket,
    /// Only `GET` can become a WebSocket.
    #[error("a WebSocket handshake is a GET request")]
    MethodNotGet,
    /// HTTP/1.1 demands a `Host`.
    #[error("missing Host header")]
    MissingHost,
    /// What may stand there once stands there twice (RFC 9112, section 3.2; RFC 6455, section 11.3):
    /// who reads one and who reads the other would not agree.
    #[error("a header that may be there once is there twice")]
    Repeated,
    /// A handshake ends with its head. What follows would be read as frames here, and as a body by
    /// others.
    #[error("a WebSocket handshake has no body")]
    Body,
    /// A `Sec-WebSocket-Version` other than 13.
    #[error("unsupported WebSocket version, 13 is spoken here")]
    BadVersion,
    /// A `Sec-WebSocket-Key` that is not 16 bytes in base64.
    #[error("bad Sec-WebSocket-Key")]
    BadKey,
    /// A web page that is not on the list.
    #[error("origin not allowed")]
    OriginRefused,
}

impl UpgradeError {
    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotWebSocket | Self::BadVersion => 426,
            Self::MethodNotGet => 405,
            Self::MissingHost | Self::BadKey | Self::Repeated | Self::Body => 400,
            Self::OriginRefused => 403,
        }
    }

    /// One line that tells the client's developer what is wrong.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// Appends the whole HTTP response, with the headers that the status calls for.
    pub fn write_response(&self, out: &mut Vec<u8>) {
        let headers: &[(&str, &str)] = match self {
            Self::NotWebSocket => &[("Upgrade", "websocket")],
            Self::BadVersion => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            Self::MethodNotGet => &[("Allow", "GET")],
            Self::MissingHost
            | Self::BadKey
            | Self::Repeated
            | Self::Body
            | Self::OriginRefused => &[],
        };
        let body = format!("{self}\n");
        write_response(out, self.status(), "text/plain; charset=utf-8", headers, body.as_bytes());
    }
}

/// Checks a handshake and appends the `101` response. On an error nothing is appended.
///
/// `subprotocols` are the ones spoken here. The client's order decides among them; where it
/// names none of them the answer names none, and what happens then is the client's decision.
pub fn accept(
    head: &Head<'_>,
    subprotocols: &[&str],
    policy: &UpgradePolicy,
    out: &mut Vec<u8>,
) -> Result<Accepted, UpgradeError> {
    if head.method != "GET" {
        return Err(UpgradeError::MethodNotGet);
    }
    if !head.http_1_1 || !head.wants_upgrade() {
        return Err(UpgradeError::NotWebSocket);
    }
    if head.header("host").is_none() {
        return Err(UpgradeError::MissingHost);
    }
    if head.is_ambiguous() || HANDSHAKE_ONCE.iter().any(|name| head.repeats(name)) {
        return Err(UpgradeError::Repeated);
    }
    if head.has_body() {
        return Err(UpgradeError::Body);
    }
    if head.header("sec-websocket-version") != Some("13") {
        return Err(UpgradeError::BadVersion);
    }
    let key = head.header("sec-websocket-key").ok_or(UpgradeError::BadKey)?;
    if STANDARD.decode(key).ok().is_none_or(|nonce| nonce.len() != 16) {
        return Err(UpgradeError::BadKey);
    }
    if !policy.origins.allows(head.header("origin"), head.header("host")) {
        return Err(UpgradeError::OriginRefused);
    }

    let subprotocol = choose_subprotocol(head, subprotocols);
    let deflate = if policy.deflate.enabled {
        head.all("sec-websocket-extensions").find_map(negotiate)
    } else {
        None
    };
    write_switch(out, key, subprotocol.map(|index| subprotocols[index]), deflate.as_ref());
    let deflate = deflate.map(|negotiated| negotiated.window_bits);
    Ok(Accepted { subprotocol, deflate })
}

/// The first of the client's subprotocols that is spoken here. An empty header offers nothing.
fn choose_subprotocol(head: &Head<'_>, spoken: &[&str]) -> Option<usize> {
    head.all("sec-websocket-protocol")
        .flat_map(|list| list.split(','))
        .find_map(|offered| spoken.iter().position(|ours| *ours == offered.trim()))
}

fn write_switch(
    out: &mut Vec<u8>,
    key: &str,
    subprotocol: Option<&str>,
    deflate: Option<&Negotiated>,
) {
    let digest = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    let accept = STANDARD.encode(digest);
    let headers =
        [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", &accept)];
    let subprotocol = subprotocol.map(|chosen| ("Sec-WebSocket-Protocol", chosen));
    let deflate = deflate.map(|agreed| ("Sec-WebSocket-Extensions", agreed.response.as_str()));
    write_head(out, 101, headers.iter().chain(&subprotocol).chain(&deflate));
}
