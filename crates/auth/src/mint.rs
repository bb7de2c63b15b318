//! Making tokens.

use serde::Serialize;
use trunkline_core::time::WallTime;

use crate::hmac::SharedKey;
use crate::jws;
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
    /// When the token is issued, to the second; by this it can be taken back with others.
    pub issued_at: Option<WallTime>,
    /// The token's own id; by this it can be taken back alone.
    pub id: Option<String>,
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
    iat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
}

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

/// Signs a token with HS256.
///
/// # Panics
/// Never: every text can be signed with every secret.
#[must_use]
pub fn mint(secret: &Secret, claims: &Claims) -> String {
    let payload = Payload {
        sub: &claims.user,
        channel: claims.channel.as_deref(),
        exp: claims.expires_at.map(WallTime::seconds),
        iat: claims.issued_at.map(WallTime::seconds),
        jti: claims.id.as_deref(),
        aud: claims.audience.as_deref(),
        iss: claims.issuer.as_deref(),
    };
    let claims = serde_json::to_string(&payload).expect("texts are JSON");
    let message = format!("{}.{}", jws::encode(HEADER), jws::encode(claims));
    let signature = SharedKey::new(secret).sign(message.as_bytes());
    format!("{message}.{}", jws::encode(signature))
}
