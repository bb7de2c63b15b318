//! The keys of the server API.

use std::sync::{Arc, PoisonError, RwLock};

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;

type Digest = [u8; 32];

/// The keys that open the server API. Several may be active at once, so that one can be replaced
/// without a gap; none means that nobody gets in.
///
/// Only digests are kept. A check compares the digest of what was presented with all of them, so
/// that its time tells neither how much of a key was right nor which key it was.
#[derive(Debug)]
pub struct ApiKeys {
    digests: RwLock<Arc<[Digest]>>,
}

impl ApiKeys {
    /// Accepts these keys. An empty text is no key.
    #[must_use]
    pub fn new(keys: &[Secret]) -> Self {
        Self { digests: RwLock::new(digests(keys)) }
    }

    /// Accepts these keys and no others from now on.
    pub fn replace(&self, keys: &[Secret]) {
        *self.digests.write().unwrap_or_else(PoisonError::into_inner) = digests(keys);
    }

    /// Whether `presented` is one of the keys.
    #[must_use]
    pub fn check(&self, presented: &[u8]) -> bool {
        let digests = Arc::clone(&self.digests.read().unwrap_or_else(PoisonError::into_inner));
        let presented = sha256(presented);
        let any = digests.iter().fold(Choice::from(0), |any, key| any | key.ct_eq(&presented));
        any.into()
    }
}

fn digests(keys: &[Secret]) -> Arc<[Digest]> {
    keys.iter().filter(|key| !key.is_empty()).map(|key| sha256(key.expose().as_bytes())).collect()
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_active_key_opens_and_nothing_else() {
        let keys = ApiKeys::new(&[Secret::new("newest"), Secret::new("oldest")]);
        assert!(keys.check(b"newest") && keys.check(b"oldest"));
        for wrong in [&b""[..], b"newes", b"newest ", b"NEWEST", b"\0", &[0xff; 5000]] {
            assert!(!keys.check(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn without_keys_nobody_gets_in() {
        assert!(!ApiKeys::new(&[]).check(b""));
        assert!(!ApiKeys::new(&[Secret::new("")]).check(b""));
    }

    #[test]
    fn replaced_keys_are_over() {
        let keys = ApiKeys::new(&[Secret::new("old")]);
        keys.replace(&[Secret::new("new")]);
        assert!(keys.check(b"new") && !keys.check(b"old"));
    }
}
