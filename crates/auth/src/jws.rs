//! Signed texts in the compact form: RFC 7515, section 7.1.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Longest header that is looked at, in bytes of base64: a name, a key id and room for more.
const HEADER_BYTES: usize = 4096;

/// What a header says. A name that stands there twice makes it none.
#[derive(Deserialize)]
pub(crate) struct Header {
    /// How it says that the text is signed. Believed only in so far as a key fits it.
    pub(crate) alg: String,
    /// Which key it says it is signed with.
    pub(crate) kid: Option<String>,
    /// What has to be understood. Nothing of it is.
    crit: Option<IgnoredAny>,
}

/// A text that may be signed: nothing of it has been verified.
pub(crate) struct Jws<'a> {
    pub(crate) header: Header,
    /// What the signature is over.
    pub(crate) message: &'a [u8],
    pub(crate) signature: Vec<u8>,
    claims: &'a str,
}

impl<'a> Jws<'a> {
    /// Takes a text apart; `None` if it is none of these.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        if claims.contains('.') || header.len() > HEADER_BYTES {
            return None;
        }
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        // RFC 7515, section 4.1.11: what must be understood, and is not, invalidates.
        if header.crit.is_some() {
            return None;
        }
        let signature = decode(signature)?;
        Some(Self { header, message: message.as_bytes(), signature, claims })
    }

    /// What is signed; to be looked at only once the signature was found good.
    pub(crate) fn claims(&self) -> Option<String> {
        String::from_utf8(decode(self.claims)?).ok()
    }
}

/// Without padding, without blanks, and without bits that mean nothing: RFC 7515, section 2.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
