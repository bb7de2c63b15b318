//! The configuration of a node.
//!
//! A [`Config`] is what a TOML file says, then the environment, then the command line, checked as
//! a whole: holding one proves that the node may be started with it. Every key stands once, in a
//! table of its section under `sections`, with its meaning and its bounds; reading, error
//! messages, suggestions, the [`template`] that `trunkline init` writes and the [`reference()`] in
//! `docs/configuration.md` are all made from those tables.

mod config;
mod environment;
mod error;
mod file;
mod key;
mod listen;
mod nearest;
mod overrides;
mod quantity;
mod reference;
mod rules;
mod sections;
mod template;
mod token_keys;
mod value;
mod warning;
mod webhooks;

pub use config::Config;
pub use error::{ConfigError, Origin};
pub use listen::Listen;
pub use overrides::Overrides;
pub use reference::reference;
pub use sections::{
    Api, Callbacks, Client, Inbox, Keeping, Log, Outbox, Rates, Redis, Rooms, Route, Server,
    Storage, Tls, Token, WEBHOOK_EVENTS, Webhook,
};
pub use template::{FreshSecrets, template};
pub use warning::Warning;
