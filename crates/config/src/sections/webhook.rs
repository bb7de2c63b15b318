//! `[[webhooks]]`: who is told what clients do.

use trunkline_auth::Secret;

use crate::key::{Key, Kind};

const DAY_MS: u64 = 86_400_000;

/// Somebody who is told what clients do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called, and under which it is kept how far it has come.
    pub name: String,
    /// Where it is told.
    pub url: String,
    /// What is signed with. A configuration that is good has one.
    pub secret: Option<Secret>,
    /// Of what it is told, each of them one of [`WEBHOOK_EVENTS`].
    pub events: Vec<String>,
    /// Of which channels it is told what happens in them: names, and beginnings that end with `*`.
    pub channels: Vec<String>,
    /// Milliseconds the receiver may take.
    pub timeout_ms: u64,
    /// Milliseconds for which a batch is tried before it becomes a dead letter.
    pub retry_for_ms: u64,
    /// How old in milliseconds an unread message of an inbox is when it is told of.
    pub unread_after_ms: u64,
}

/// The event of an unread message, which has to be asked for: there may be no inboxes.
pub(crate) const INBOX_UNREAD: &str = "inbox_unread";

/// What a webhook may ask to be told of.
pub const WEBHOOK_EVENTS: &[&str] = &[
    "connected",
    "disconnected",
    "identified",
    "subscribed",
    "unsubscribed",
    "channel_occupied",
    "channel_vacated",
    "member_added",
    "member_removed",
    INBOX_UNREAD,
];

/// What everybody is told of, asked or not: without it nobody could rely on the others.
pub(crate) const TOLD_TO_ALL: &[&str] = &["node_lost", "events_lost"];

impl Default for Webhook {
    fn default() -> Self {
        let unasked = WEBHOOK_EVENTS.iter().filter(|event| **event != INBOX_UNREAD);
        Self {
            name: String::new(),
            url: String::new(),
            secret: None,
            events: unasked.map(|event| (*event).to_owned()).collect(),
            channels: Vec::new(),
            timeout_ms: 5_000,
            retry_for_ms: DAY_MS,
            unread_after_ms: 600_000,
        }
    }
}

impl Webhook {
    /// Whether it is told of messages that nobody reads.
    pub(crate) fn wants_unread(&self) -> bool {
        self.events.iter().any(|event| event == INBOX_UNREAD)
    }
}

pub(crate) const WEBHOOKS: &[Key<Webhook>] = &[
    Key::with_example(
        "webhooks.name",
        Kind::Name(|hook| &mut hook.name),
        "\"crm\"",
        "What it is called: 1 to 40 letters, digits, `-` and `_`. Under it is kept how far it has \
         come, so that with another name it is another webhook.",
    ),
    Key::with_example(
        "webhooks.url",
        Kind::Name(|hook| &mut hook.url),
        "\"https://app.example.com/trunkline/events\"",
        "Where it is told, with `POST`.",
    ),
    Key::required(
        "webhooks.secret",
        Kind::Secret(|hook| &mut hook.secret),
        "What is signed with, so that the receiver knows who tells it: `whsec_` and 24 to 64 bytes \
         in base64, as libraries for Standard Webhooks take them, or any text of 24 to 255 bytes.",
    ),
    Key::with_example(
        "webhooks.events",
        Kind::Texts(|hook| &mut hook.events),
        "[\"connected\", \"disconnected\"]",
        "Of what it is told: those of the default, and `inbox_unread`, which wants `inbox.enabled`. \
         `node_lost` and `events_lost` are told to everybody.",
    ),
    Key::with_example(
        "webhooks.channels",
        Kind::Texts(|hook| &mut hook.channels),
        "[\"chat:*\", \"news\"]",
        "Of which channels it is told who is in them: names, and beginnings of names that end with \
         `*`; of all, if there are none. Connections and inboxes are told of in any case.",
    ),
    Key::new(
        "webhooks.timeout",
        Kind::Time(|hook| &mut hook.timeout_ms, 100, 30_000),
        "How long the receiver may take to answer. Then it has failed, and is tried again.",
    ),
    Key::new(
        "webhooks.retry_for",
        Kind::Time(|hook| &mut hook.retry_for_ms, 1_000, 30 * DAY_MS),
        "How long a batch of events is tried. Then it becomes a dead letter, and the next one \
         follows.",
    ),
    Key::new(
        "webhooks.unread_after",
        Kind::Time(|hook| &mut hook.unread_after_ms, 1_000, 30 * DAY_MS),
        "How old an unread message of an inbox is when `inbox_unread` is told. The same for all \
         that ask for it.",
    ),
];
