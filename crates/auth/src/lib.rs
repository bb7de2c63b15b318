//! Who may come in: tokens of clients and keys of the server API.
//!
//! [`TokenGate`] implements the core's port [`Gate`](trunkline_core::gate::Gate) with JSON Web
//! Tokens (RFC 7519) signed by a secret that the application shares with the node, and [`mint`]
//! makes such tokens for the command line. [`ApiKeys`] guards the server API. Both can be handed
//! new secrets while the node runs. A [`Secret`] never shows itself in a log.

mod api_keys;
mod claims;
mod gate;
mod hmac;
mod info;
mod mint;
mod secret;

pub use api_keys::ApiKeys;
pub use gate::{NOT_BEFORE_LEEWAY_MS, TOKEN_BYTES, TokenGate, TokenKeys};
pub use mint::{Claims, mint};
pub use secret::{Secret, fresh_secret};
