//! Who is at the other end of a connection.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::channel::ChannelName;
use crate::revocation::Credential;
use crate::time::WallTime;

/// The id of one connection: 128 bits, shown as a UUID. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u128);

impl ClientId {
    /// Makes an id of 16 random bytes, marked as a version 4 UUID (RFC 9562, section 5.4).
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut id = u128::from_be_bytes(bytes);
        id &= !(0xf << 76) & !(0x3 << 62);
        id |= (0x4 << 76) | (0x2 << 62);
        Self(id)
    }

    /// Reads the form that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let dashes_fit =
            text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-');
        if !dashes_fit {
            return None;
        }
        let digits: String = text.chars().filter(|&c| c != '-').collect();
        let fits = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| u128::from_str_radix(&digits, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            (id >> 80) & 0xffff,
            (id >> 64) & 0xffff,
            (id >> 48) & 0xffff,
            id & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of a user; empty for an anonymous one. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct UserId(Option<Arc<str>>);

impl UserId {
    /// A user id; the empty text is the anonymous user.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether nobody in particular is meant.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// What other clients may learn about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its user.
    pub user: UserId,
    /// Its connection id.
    pub client: ClientId,
    /// JSON (or opaque bytes) given when the connection was made.
    pub conn_info: Option<Bytes>,
    /// JSON (or opaque bytes) given for one channel.
    pub chan_info: Option<Bytes>,
}

/// What a token, or the absence of one, says about a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// Shown to other clients as `conn_info`.
    pub info: Option<Bytes>,
    /// When the connection must have shown a newer token.
    pub expires_at: Option<WallTime>,
    /// By what the token can be taken back; `None` if there was none.
    pub credential: Option<Credential>,
    /// Handed to the client when it is let in.
    pub data: Option<Bytes>,
    /// What the application wants to be told again when it is asked about the connection.
    pub meta: Option<Bytes>,
    /// Channels the server subscribes the connection to.
    pub channels: Vec<(ChannelName, ServerSubscription)>,
}

/// A subscription made by the server for a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSubscription {
    /// Shown to other clients of the channel as `chan_info`.
    pub info: Option<Bytes>,
    /// Handed to the client with the subscription.
    pub data: Option<Bytes>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_reads_back_as_written() {
        let id = ClientId::from_random([0xab; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert_eq!(ClientId::parse(&text), Some(id));
        assert_eq!(ClientId::parse("not-an-id"), None);
        assert_eq!(ClientId::parse(&text.replace('a', "+")), None);
    }
}
