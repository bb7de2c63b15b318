//! Making tokens.

use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use trunkline_core::time::WallTime;

use crate::hmac;
use crate::secret::Secret;

/// What a minted token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The user; empty for an anonymous one.
    pub user: String,
    /// The channel of a subscription token; `None` makes a connection token.
    pub channel: Option<String>,
    /// When the token expires, to the second; `None` is never.
    pub expires_at: Option<WallTime>,
    /// For whom the token is meant, where the node insists.
    pub audience: Option<String>,
    /// Who issues the token, where the node insists.
    pub issuer: Option<String>,
}

#[derive(Serialize)]
struct Payload<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
}

/// Signs a token with HS256.
///
/// # Panics
/// Never: every text can be signed with every secret.
#[must_use]
pub fn mint(secret: &Secret, claims: &Claims) -> String {
    hmac::install();
    let payload = Payload {
        sub: &claims.user,
        channel: claims.channel.as_deref(),
        exp: claims.expires_at.map(WallTime::seconds),
        aud: claims.audience.as_deref(),
        iss: claims.issuer.as_deref(),
    };
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    jsonwebtoken::encode(&Header::default(), &payload, &key).expect("texts can be signed")
}
