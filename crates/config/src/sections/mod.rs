//! The keys, section by section, and what they are kept in.

mod api;
mod callbacks;
mod client;
mod inbox;
mod limits;
mod log;
mod namespace;
mod outbox;
mod rates;
mod redis;
mod rooms;
mod route;
mod server;
mod storage;
mod token;
mod users;
mod webhook;

pub use api::Api;
pub use callbacks::Callbacks;
pub use client::Client;
pub use inbox::Inbox;
pub use log::Log;
pub use outbox::Outbox;
pub use rates::Rates;
pub use redis::Redis;
pub use rooms::Rooms;
pub use route::Route;
pub use server::{Server, Tls};
pub use storage::{Keeping, Storage};
pub use token::Token;
pub use webhook::{WEBHOOK_EVENTS, Webhook};

pub(crate) use client::is_origin;
pub(crate) use namespace::{NAMESPACES, Namespace, rooms_namespace};
pub(crate) use route::ROUTES;
pub(crate) use webhook::{TOLD_TO_ALL, WEBHOOKS};

use crate::Config;
use crate::key::Key;

/// A table of the file.
pub(crate) struct Section {
    /// Its name, such as `server.tls`.
    pub(crate) name: &'static str,
    /// What it is about, in one sentence or two.
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key<Config>],
}

/// All sections but those of [`TABLES`], in the order in which people are shown them.
pub(crate) const SECTIONS: &[Section] = &[
    server::SECTION,
    server::TLS_SECTION,
    client::SECTION,
    token::SECTION,
    api::SECTION,
    callbacks::SECTION,
    rooms::SECTION,
    inbox::SECTION,
    users::SECTION,
    outbox::SECTION,
    storage::SECTION,
    redis::SECTION,
    log::SECTION,
    limits::SECTION,
    rates::SECTION,
];

/// What the file may hold several of, and nothing but the file.
pub(crate) const TABLES: &[&str] = &["namespaces", "routes", "webhooks"];

/// All keys of all sections.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key<Config>> {
    SECTIONS.iter().flat_map(|section| section.keys)
}
