//! `[[namespaces]]`: what the channels of one kind keep, and who may do what in them.

use trunkline_core::namespace::{Access, ChannelOptions, Retention};

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
}

impl Default for Namespace {
    fn default() -> Self {
        Self {
            name: String::new(),
            options: ChannelOptions::default(),
            history_size: 0,
            history_ttl_ms: 300_000,
        }
    }
}

impl Namespace {
    /// The options, with what is kept.
    pub(crate) fn channel_options(&self) -> ChannelOptions {
        let retention = Retention { size: self.history_size, ttl_ms: self.history_ttl_ms, bytes: 16 << 20 };
        let retention = (self.history_size > 0).then_some(retention);
        ChannelOptions { retention, ..self.options.clone() }
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
        "namespaces.recovery",
        Kind::Flag(|namespace| &mut namespace.options.recovery),
        "Clients that come back receive what they missed. Wants `history_size`.",
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
