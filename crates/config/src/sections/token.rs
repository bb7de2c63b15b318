//! `[token]`: how clients prove who they are.

use trunkline_auth::Secret;

use super::Section;
use crate::key::{Key, Kind};

/// How clients prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// What the application signs tokens with.
    pub hmac_secret: Option<Secret>,
    /// What it signed them with before.
    pub previous_hmac_secret: Option<Secret>,
    /// Whose public keys it may sign with instead, in words.
    pub public_keys: Vec<String>,
    /// Whose key sets it may sign by instead, in words.
    pub issuers: Vec<String>,
    /// What `aud` must name.
    pub audience: Option<String>,
    /// What `iss` must be.
    pub issuer: Option<String>,
}

pub(super) const SECTION: Section = Section {
    name: "token",
    doc: "How clients prove who they are: JSON Web Tokens that the application signs. Read again \
          on SIGHUP.",
    keys: &[
        Key::new(
            "token.hmac_secret",
            Kind::Secret(|config| &mut config.token.hmac_secret),
            "The secret that the application signs tokens with (HS256, HS384 or HS512), at least \
             32 bytes. Without one every token is invalid.",
        ),
        Key::new(
            "token.previous_hmac_secret",
            Kind::Secret(|config| &mut config.token.previous_hmac_secret),
            "The secret before, still accepted while tokens signed with it are about.",
        ),
        Key::with_example(
            "token.public_keys",
            Kind::Texts(|config| &mut config.token.public_keys),
            "[\"ES256 /etc/trunkline/app.pem\"]",
            "Public keys of whoever signs tokens with a secret of its own: for each the algorithm \
             (RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA), a blank, and a PEM \
             file or the PEM itself. A key is used with its algorithm only. At most 16.",
        ),
        Key::with_example(
            "token.issuers",
            Kind::Texts(|config| &mut config.token.issuers),
            "[\"https://id.example.com https://id.example.com/jwks.json trunkline\"]",
            "Issuers that publish their keys: for each what its tokens say in `iss`, a blank, and \
             the address of its key set (https, or http on this machine); after another blank \
             what `aud` must name in its tokens. A token that names one of them is verified with \
             that issuer's keys, and with no other. At most 16.",
        ),
        Key::with_example(
            "token.audience",
            Kind::Text(|config| &mut config.token.audience),
            "\"trunkline\"",
            "What the claim `aud` of every token must name. Not looked at unless set.",
        ),
        Key::with_example(
            "token.issuer",
            Kind::Text(|config| &mut config.token.issuer),
            "\"https://app.example.com\"",
            "What the claim `iss` of every token must be. Not looked at unless set.",
        ),
    ],
};
