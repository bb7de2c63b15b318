//! The signatures of those who share a secret with the node: HMAC with SHA-2 (RFC 7518, section 3.2).

use ring::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512, Key, sign, verify};

use crate::secret::Secret;

/// A shared secret, ready for each of the three algorithms it may be used with.
pub(crate) struct SharedKey {
    sha256: Key,
    sha384: Key,
    sha512: Key,
}

impl SharedKey {
    pub(crate) fn new(secret: &Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        let key = |hash| Key::new(hash, bytes);
        Self { sha256: key(HMAC_SHA256), sha384: key(HMAC_SHA384), sha512: key(HMAC_SHA512) }
    }

    /// Whether the secret has signed the message in the way the header says. An algorithm of public
    /// keys is none of a secret's.
    ///
    /// ring compares the whole signature in constant time: where they differ is not to be measured.
    pub(crate) fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let key = match algorithm {
            "HS256" => &self.sha256,
            "HS384" => &self.sha384,
            "HS512" => &self.sha512,
            _ => return false,
        };
        verify(key, message, signature).is_ok()
    }

    /// Signs with HS256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        sign(&self.sha256, message).as_ref().to_vec()
    }
}
