//! `[inbox]`: a durable personal channel for every user.

use trunkline_core::namespace::{Access, ChannelOptions, Retention};

use super::Section;
use crate::key::{Key, Kind};

const MIB: usize = 1024 * 1024;
const DAY_MS: u64 = 86_400_000;

/// A durable personal channel for every user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// Whether there is one.
    pub enabled: bool,
    /// Messages one keeps at most.
    pub size: usize,
    /// Milliseconds it keeps them at most.
    pub ttl_ms: u64,
    /// Bytes they may weigh together.
    pub bytes: usize,
    /// Milliseconds a message may be unread until it comes again; 0 for never.
    pub redeliver_ms: u64,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { enabled: false, size: 1_000, ttl_ms: 30 * DAY_MS, bytes: 4 * MIB, redeliver_ms: 0 }
    }
}

impl Inbox {
    /// The options of personal channels, if they are inboxes.
    pub(crate) fn channel_options(&self) -> Option<ChannelOptions> {
        // Whoever is subscribed is its user.
        let its_user = Access { client: false, subscriber: true, anonymous: false };
        self.enabled.then(|| ChannelOptions {
            presence: true,
            retention: Some(Retention { size: self.size, ttl_ms: self.ttl_ms, bytes: self.bytes }),
            recovery: true,
            positioning: true,
            user_limited: true,
            redeliver_ms: self.redeliver_ms,
            history: its_user,
            read_presence: its_user,
            ..ChannelOptions::default()
        })
    }
}

pub(super) const SECTION: Section = Section {
    name: "inbox",
    doc: "An inbox for every user: the personal channel `#user`, to which each of their connections \
          is subscribed, with acknowledgements that all their devices share. \
          [inbox.md](inbox.md) has more.",
    keys: &[
        Key::new(
            "inbox.enabled",
            Kind::Flag(|config| &mut config.inbox.enabled),
            "Give every user one. Without, names that begin with `#` are channels like any other.",
        ),
        Key::new(
            "inbox.size",
            Kind::Count(|config| &mut config.inbox.size, 1, 100_000),
            "Messages an inbox keeps at most. Those that are dropped unread are counted, and the \
             user is told how many.",
        ),
        Key::new(
            "inbox.ttl",
            Kind::Time(|config| &mut config.inbox.ttl_ms, 1_000, 365 * DAY_MS),
            "How long a message is kept at most, read or not.",
        ),
        Key::new(
            "inbox.bytes",
            Kind::Size(|config| &mut config.inbox.bytes, 1_024, 1024 * MIB),
            "Bytes the messages of one inbox may weigh together.",
        ),
        Key::new(
            "inbox.redeliver_after",
            Kind::Time(|config| &mut config.inbox.redeliver_ms, 0, DAY_MS),
            "How long a message may be unread until it is sent once more to the devices that are \
             connected; again and again, each time after twice as long, up to an hour. `0s` is \
             never, anything else at least `1s`, and shorter than `inbox.ttl`.",
        ),
    ],
};
