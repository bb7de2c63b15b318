//! Key sets as issuers publish them: RFC 7517, section 5; RFC 7518, section 6; RFC 8037, section 2.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::jws::decode;
use crate::public_key::PublicKey;

/// Largest key set that is looked at, in bytes: room for [`KEYS`] keys with their certificates.
pub const JWKS_BYTES: usize = 256 * 1024;

/// Keys of one set. Issuers have two or three, and a few more while they change them.
const KEYS: usize = 64;

/// Longest id of a key, in bytes. Most are hashes.
pub(crate) const KEY_ID_BYTES: usize = 255;

/// Why a key set is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// It is larger than [`JWKS_BYTES`].
    #[error("the key set is larger than 256 KiB")]
    TooLarge,
    /// It is not JSON of the right shape.
    #[error("this is no key set: an object with a list `keys` is wanted")]
    Shape,
    /// It holds more keys than are kept.
    #[error("the key set holds more than 64 keys")]
    TooMany,
    /// None of its keys has an id and an algorithm that is known.
    #[error("the key set holds no key that tokens could be verified with")]
    NoKey,
}

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that verify tokens, by their ids. Keys of other kinds are passed over, as the
/// RFC has it; secrets are among them: what everybody may read signs nothing.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<(Box<str>, PublicKey)>, JwksError> {
    if bytes.len() > JWKS_BYTES {
        return Err(JwksError::TooLarge);
    }
    let set: Set<'_> = serde_json::from_slice(bytes).map_err(|_| JwksError::Shape)?;
    if set.keys.len() > KEYS {
        return Err(JwksError::TooMany);
    }
    let mut keys: Vec<(Box<str>, PublicKey)> = Vec::new();
    for text in set.keys {
        let Ok(jwk) = serde_json::from_str::<Jwk>(text.get()) else { continue };
        let fits = jwk.kid.len() <= KEY_ID_BYTES && jwk.usage.as_deref().is_none_or(|u| u == "sig");
        // Two keys of one id: which one is meant nobody can say, and the first stays.
        if !fits || keys.iter().any(|(id, _)| **id == *jwk.kid) {
            continue;
        }
        if let Some(key) = read(&jwk) {
            keys.push((jwk.kid.into(), key));
        }
    }
    if keys.is_empty() { Err(JwksError::NoKey) } else { Ok(keys) }
}

/// The key, with the one algorithm that it is used with: what it says, or what its kind means.
fn read(jwk: &Jwk) -> Option<PublicKey> {
    let (kind, curve) = (jwk.kty.as_str(), jwk.crv.as_deref());
    let meant = match (kind, curve) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("EC", Some("P-384")) => Algorithm::Es384,
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        _ => return None,
    };
    let algorithm = match &jwk.alg {
        Some(name) => Algorithm::named(name)?,
        None => meant,
    };
    let number = |text: &Option<String>| decode(text.as_deref()?);
    match kind {
        "RSA" => PublicKey::from_rsa(algorithm, number(&jwk.n)?, number(&jwk.e)?).ok(),
        _ if algorithm != meant => None,
        "EC" => {
            let point = [vec![4], number(&jwk.x)?, number(&jwk.y)?].concat();
            PublicKey::from_point(algorithm, point).ok()
        }
        _ => PublicKey::from_point(algorithm, number(&jwk.x)?).ok(),
    }
}
