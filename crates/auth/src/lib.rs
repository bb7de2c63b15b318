//! Who may come in: tokens of clients and keys of the server API.
//!
//! [`TokenGate`] implements the core's port [`Gate`](trunkline_core::gate::Gate) with JSON Web
//! Tokens (RFC 7519): signed by a secret that the application shares with the node, or by a secret
//! of the signer's own to which the node has the [`PublicKey`]; those of [`Issuers`] come from
//! their key sets. [`mint`] makes tokens for the command line. [`ApiKeys`] guards the server API. Both can be handed
//! new secrets while the node runs. A [`Secret`] never shows itself in a log.

mod algorithm;
mod api_keys;
mod claims;
mod der;
mod gate;
mod hmac;
mod info;
mod issuers;
mod jwks;
mod jws;
mod mint;
mod public_key;
mod secret;

pub use algorithm::Algorithm;
pub use api_keys::ApiKeys;
pub use gate::{NOT_BEFORE_LEEWAY_MS, TOKEN_BYTES, TokenGate, TokenKeys};
pub use issuers::{Due, Issuer, Issuers};
pub use jwks::{JWKS_BYTES, JwksError};
pub use mint::{Claims, mint};
pub use public_key::{PublicKey, PublicKeyError};
pub use secret::{Secret, fresh_secret};
