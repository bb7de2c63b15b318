//! `[[namespaces]]`: what the channels of one kind keep, and who may do what in them.

use trunkline_core::limits::DEBOUNCE_MS;
use trunkline_core::namespace::{Access, ChannelOptions, Overflow, RecoveryMode, Retention};

use crate::key::{Key, Kind};

/// What the channels of one kind keep, and who may do what in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// What stands before the first `:`; empty for channels without one.
    pub(crate) name: String,
    /// What its channels do, without what they keep.
    pub(crate) options: ChannelOptions,
    /// Publications kept at most; 0 keeps none.
    pub(crate) history_size: usize,
    /// Milliseconds a publication is kept at most.
    pub(crate) history_ttl_ms: u64,
    /// Bytes the kept publications weigh at most.
    pub(crate) history_bytes: usize,
    /// One of [`RECOVERY_MODES`].
    pub(crate) recovery_mode: &'static str,
    /// One of [`DELIVERIES`].
    pub(crate) delivery: &'static str,
    /// Copies of the broker that must hold a publication.
    pub(crate) replicas: usize,
    /// One of [`OVERFLOWS`].
    pub(crate) overflow: &'static str,
}

const RECOVERY_MODES: &[&str] = &["stream", "cache"];
const DELIVERIES: &[&str] = &["stored", "early"];
const OVERFLOWS: &[&str] = &["close", "drop_oldest", "keep_latest"];

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

impl Default for Namespace {
    fn default() -> Self {
        Self {
            name: String::new(),
            options: ChannelOptions::default(),
            history_size: 0,
            history_ttl_ms: 300_000,
            history_bytes: 16 * MIB,
            recovery_mode: "stream",
            delivery: "stored",
            replicas: 0,
            overflow: "close",
        }
    }
}

impl Namespace {
    /// The options, with what is kept.
    pub(crate) fn channel_options(&self) -> ChannelOptions {
        let retention = Retention {
            size: self.history_size,
            ttl_ms: self.history_ttl_ms,
            bytes: self.history_bytes,
        };
        ChannelOptions {
            retention: (self.history_size > 0).then_some(retention),
            recovery_mode: match self.recovery_mode {
                "cache" => RecoveryMode::Cache,
                _ => RecoveryMode::Stream,
            },
            early: self.delivery == "early",
            replicas: u8::try_from(self.replicas).unwrap_or(u8::MAX),
            overflow: match self.overflow {
                "drop_oldest" => Overflow::DropOldest,
                "keep_latest" => Overflow::KeepLatest,
                _ => Overflow::Close,
            },
            ..self.options.clone()
        }
    }
}

/// What is added for the rooms endpoint where the configuration says nothing else: whoever has an
/// identity may enter any room.
pub(crate) fn rooms_namespace() -> Namespace {
    let users = Access { client: true, ..Access::default() };
    Namespace {
        name: "rooms".into(),
        options: ChannelOptions {
            presence: true,
            join_leave: true,
            force_push_join_leave: true,
            subscribe: users,
            publish: users,
            ..ChannelOptions::default()
        },
        ..Namespace::default()
    }
}

pub(crate) const NAMESPACES: &[Key<Namespace>] = &[
    Key::with_example(
        "namespaces.name",
        Kind::Name(|namespace| &mut namespace.name),
        "\"chat\"",
        "What stands before the first `:` of a channel's name: 1 to 64 letters, digits, `-`, `_` \
         and `.`. The empty name is for channels without a `:`; they are unknown without such an \
         entry.",
    ),
    Key::new(
        "namespaces.presence",
        Kind::Flag(|namespace| &mut namespace.options.presence),
        "It can be asked who is in a channel.",
    ),
    Key::new(
        "namespaces.join_leave",
        Kind::Flag(|namespace| &mut namespace.options.join_leave),
        "Subscribers who ask for it hear who comes and goes.",
    ),
    Key::new(
        "namespaces.force_push_join_leave",
        Kind::Flag(|namespace| &mut namespace.options.force_push_join_leave),
        "Subscribers hear it without asking.",
    ),
    Key::new(
        "namespaces.join_leave_debounce",
        Kind::Time(|namespace| &mut namespace.options.debounce_ms, 0, DEBOUNCE_MS),
        "How long a user who has left may take to come back, to whichever node, before anybody \
         hears of it: then neither the leave nor the join is told, and presence lists the \
         connection until then. Subscribers hear of users, not of each of their connections. 0 \
         tells of each connection at once. Wants `join_leave`.",
    ),
    Key::new(
        "namespaces.subscribe_callback",
        Kind::Flag(|namespace| &mut namespace.options.asks_subscribe),
        "`callbacks.subscribe_url` is asked whether a client without a token for the channel may \
         subscribe. Nothing else allows it then.",
    ),
    Key::new(
        "namespaces.publish_callback",
        Kind::Flag(|namespace| &mut namespace.options.asks_publish),
        "`callbacks.publish_url` is asked whether a client may publish, and what. Nothing else \
         allows it then.",
    ),
    Key::new(
        "namespaces.history_size",
        Kind::Count(|namespace| &mut namespace.history_size, 0, 100_000),
        "Publications a channel keeps at most; 0 keeps none.",
    ),
    Key::new(
        "namespaces.history_ttl",
        Kind::Time(|namespace| &mut namespace.history_ttl_ms, 1_000, 365 * 86_400_000),
        "How long a publication is kept at most.",
    ),
    Key::new(
        "namespaces.history_bytes",
        Kind::Size(|namespace| &mut namespace.history_bytes, KIB, GIB),
        "Bytes the kept publications of a channel weigh at most, each with some 160 bytes beside \
         its payload.",
    ),
    Key::new(
        "namespaces.recovery",
        Kind::Flag(|namespace| &mut namespace.options.recovery),
        "Clients that come back receive what they missed. Wants `history_size`.",
    ),
    Key::new(
        "namespaces.recovery_mode",
        Kind::Choice(|namespace| &mut namespace.recovery_mode, RECOVERY_MODES),
        "What that is: with `stream` every publication, with `cache` the latest one, for channels \
         in which each replaces the one before.",
    ),
    Key::new(
        "namespaces.recovery_limit",
        Kind::Count(|namespace| &mut namespace.options.recovery_limit, 1, 10_000),
        "Publications one recovery hands over at most. Who missed more is told so, and pages \
         through history.",
    ),
    Key::new(
        "namespaces.positioning",
        Kind::Flag(|namespace| &mut namespace.options.positioning),
        "Subscriptions have a place in the stream even without recovery, so that a hole is \
         noticed. Wants `history_size`.",
    ),
    Key::new(
        "namespaces.delivery",
        Kind::Choice(|namespace| &mut namespace.delivery, DELIVERIES),
        "`stored` delivers a publication once it is on disk, so that nobody sees what a crash \
         could take back. `early` delivers at once: faster, and after a crash whoever saw more \
         than was stored is told that the stream has forked. Publishers are answered when it is \
         stored, either way.",
    ),
    Key::new(
        "namespaces.delta",
        Kind::Flag(|namespace| &mut namespace.options.delta),
        "Subscribers that ask for it receive the difference to the publication before. Wants \
         `recovery` or `positioning`.",
    ),
    Key::new(
        "namespaces.replicas",
        Kind::Count(|namespace| &mut namespace.replicas, 0, 16),
        "How many copies of Redis must have a publication before it is acknowledged; with 0 it is \
         acknowledged as soon as it is stored. Only with the Redis backend.",
    ),
    Key::new(
        "namespaces.overflow",
        Kind::Choice(|namespace| &mut namespace.overflow, OVERFLOWS),
        "What becomes of publications that a client does not read fast enough, in channels \
         without `recovery` and `positioning`: `close` ends its connection, so that it knows, \
         `drop_oldest` drops those that wait for longest, `keep_latest` all but the latest.",
    ),
    Key::new(
        "namespaces.subscribers_per_channel",
        Kind::Count(|namespace| &mut namespace.options.subscribers_per_channel, 0, 10_000_000),
        "Subscriptions one channel may have on this node, every connection counted; 0 is no bound. \
         One more is refused with error 106, `limit exceeded`. Several nodes may each have so many.",
    ),
    Key::new(
        "namespaces.subscriptions",
        Kind::Count(|namespace| &mut namespace.options.subscriptions, 0, 1_000_000_000),
        "Subscriptions all channels of the namespace may have together on this node, in the same \
         way.",
    ),
    Key::new(
        "namespaces.binary",
        Kind::Flag(|namespace| &mut namespace.options.binary),
        "Payloads may be any bytes, not only JSON. Only clients that speak Protobuf can subscribe.",
    ),
    Key::new(
        "namespaces.allow_user_limited_channels",
        Kind::Flag(|namespace| &mut namespace.options.user_limited),
        "A channel whose name ends in a list of users, such as `chat:dialog#42,43`, is open to \
         those users and to nobody else.",
    ),
    Key::new(
        "namespaces.allow_subscribe_for_client",
        Kind::Flag(|namespace| &mut namespace.options.subscribe.client),
        "Any client with a user may subscribe without a subscription token.",
    ),
    Key::new(
        "namespaces.allow_subscribe_for_anonymous",
        Kind::Flag(|namespace| &mut namespace.options.subscribe.anonymous),
        "That holds for anonymous clients too.",
    ),
    Key::new(
        "namespaces.allow_publish_for_client",
        Kind::Flag(|namespace| &mut namespace.options.publish.client),
        "Any client with a user may publish.",
    ),
    Key::new(
        "namespaces.allow_publish_for_subscriber",
        Kind::Flag(|namespace| &mut namespace.options.publish.subscriber),
        "Clients with a user that are subscribed to the channel may publish.",
    ),
    Key::new(
        "namespaces.allow_publish_for_anonymous",
        Kind::Flag(|namespace| &mut namespace.options.publish.anonymous),
        "What holds for publishing holds for anonymous clients too.",
    ),
    Key::new(
        "namespaces.allow_history_for_client",
        Kind::Flag(|namespace| &mut namespace.options.history.client),
        "Any client with a user may read history.",
    ),
    Key::new(
        "namespaces.allow_history_for_subscriber",
        Kind::Flag(|namespace| &mut namespace.options.history.subscriber),
        "Clients with a user that are subscribed to the channel may read history.",
    ),
    Key::new(
        "namespaces.allow_history_for_anonymous",
        Kind::Flag(|namespace| &mut namespace.options.history.anonymous),
        "What holds for history holds for anonymous clients too.",
    ),
    Key::new(
        "namespaces.allow_presence_for_client",
        Kind::Flag(|namespace| &mut namespace.options.read_presence.client),
        "Any client with a user may read presence.",
    ),
    Key::new(
        "namespaces.allow_presence_for_subscriber",
        Kind::Flag(|namespace| &mut namespace.options.read_presence.subscriber),
        "Clients with a user that are subscribed to the channel may read presence.",
    ),
    Key::new(
        "namespaces.allow_presence_for_anonymous",
        Kind::Flag(|namespace| &mut namespace.options.read_presence.anonymous),
        "What holds for presence holds for anonymous clients too.",
    ),
];
