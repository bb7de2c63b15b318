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
