//! Tokens put together by hand, the way no honest issuer would.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac::{Algorithm, HMAC_SHA256, Key, sign};
use serde_json::{Value, json};
use trunkline_auth::{Secret, TokenGate, TokenKeys};
use trunkline_core::time::WallTime;

pub(crate) const SECRET: &str = "the secret of these tests, 32 bytes at least";

/// The moment at which the tests take place, in seconds.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn now() -> WallTime {
    WallTime(NOW * 1000)
}

pub(crate) fn gate() -> TokenGate {
    TokenGate::new(keys(&[SECRET]))
}

pub(crate) fn keys(secrets: &[&str]) -> TokenKeys {
    let hmac_secrets = secrets.iter().map(|text| Secret::new(text)).collect();
    TokenKeys { hmac_secrets, ..TokenKeys::default() }
}

/// The unpadded base64 of a part of a token.
pub(crate) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Any header and claims, even malformed ones, with a correct signature.
pub(crate) fn signed(header: &str, claims: &str, algorithm: Algorithm, secret: &str) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = Key::new(algorithm, secret.as_bytes());
    format!("{message}.{}", part(sign(&key, message.as_bytes())))
}

/// Claims signed as agreed.
pub(crate) fn token(claims: &Value) -> String {
    token_text(&claims.to_string())
}

/// Claims signed as agreed, whatever text they are.
pub(crate) fn token_text(claims: &str) -> String {
    signed(r#"{"alg":"HS256","typ":"JWT"}"#, claims, HMAC_SHA256, SECRET)
}

/// Good claims under a header of one's own, signed with SHA-256.
pub(crate) fn headed(header: &str) -> String {
    signed(header, &good().to_string(), HMAC_SHA256, SECRET)
}

pub(crate) fn good() -> Value {
    json!({ "sub": "42", "exp": NOW + 60 })
}
