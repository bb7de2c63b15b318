//! Namespaces: what the channels of one kind keep, and who may do what in them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::channel::ChannelName;
use crate::limits::RECOVERY_LIMIT;

/// How much of a channel is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Publications kept at most.
    pub size: usize,
    /// Milliseconds a publication is kept at most.
    pub ttl_ms: u64,
    /// Bytes the kept publications may weigh together ([`Publication::weight`]).
    ///
    /// [`Publication::weight`]: crate::publication::Publication::weight
    pub bytes: usize,
}

/// What a subscriber that comes back is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryMode {
    /// Everything it missed, or nothing.
    #[default]
    Stream,
    /// The latest publication: for channels whose every publication replaces the one before.
    Cache,
}

/// What becomes of publications of a channel without positions that a subscriber does not read fast
/// enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Its connection is closed as slow, so that it knows.
    #[default]
    Close,
    /// The oldest that still wait are dropped.
    DropOldest,
    /// Only the latest waits.
    KeepLatest,
}

/// Who may do a thing in a channel without a token that says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Any client with a user.
    pub client: bool,
    /// A client subscribed to the channel.
    pub subscriber: bool,
    /// `client` and `subscriber` hold for anonymous clients too.
    pub anonymous: bool,
}

impl Access {
    /// Everybody.
    pub const ALL: Self = Self { client: true, subscriber: true, anonymous: true };

    /// Whether a client may, given whether it is anonymous and whether it is subscribed.
    #[must_use]
    pub fn allows(self, anonymous: bool, subscribed: bool) -> bool {
        (self.anonymous || !anonymous) && (self.client || (self.subscriber && subscribed))
    }
}

/// The options of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOptions {
    /// Who is in the channel can be asked.
    pub presence: bool,
    /// Subscribers hear who comes and goes, if they ask for it.
    pub join_leave: bool,
    /// Subscribers hear it without asking.
    pub force_push_join_leave: bool,
    /// Milliseconds in which a user who has left may come back without anybody hearing of either; 0
    /// tells of each connection at once. At most [`DEBOUNCE_MS`](crate::limits::DEBOUNCE_MS).
    pub debounce_ms: u64,
    /// What is kept of the channel; `None` for nothing.
    pub retention: Option<Retention>,
    /// Clients may come back at a position and receive what they missed.
    pub recovery: bool,
    /// What that is.
    pub recovery_mode: RecoveryMode,
    /// Publications one recovery hands over at most.
    pub recovery_limit: usize,
    /// Subscriptions have a place in the stream even if clients may not come back to it: a hole is
    /// noticed.
    pub positioning: bool,
    /// Publications are delivered before they are stored ([`Draft::early`]).
    ///
    /// [`Draft::early`]: crate::publication::Draft::early
    pub early: bool,
    /// Copies of the broker that must hold a publication before it is acknowledged
    /// ([`Draft::replicas`]).
    ///
    /// [`Draft::replicas`]: crate::publication::Draft::replicas
    pub replicas: u8,
    /// Subscribers may ask for differences instead of whole publications.
    pub delta: bool,
    /// What becomes of publications that a subscriber does not read fast enough, in a channel
    /// without positions.
    pub overflow: Overflow,
    /// Subscriptions one channel may have on one node; 0 is no bound.
    pub subscribers_per_channel: usize,
    /// Subscriptions all channels of the namespace may have together on one node; 0 is no bound.
    pub subscriptions: usize,
    /// A channel name that lists a user (`name#42`) is open to that user.
    pub user_limited: bool,
    /// Payloads may be any bytes; clients of text protocols cannot subscribe.
    pub binary: bool,
    /// The application is asked who may subscribe.
    pub asks_subscribe: bool,
    /// The application is asked who may publish what, and nobody else.
    pub asks_publish: bool,
    /// Milliseconds a message of an inbox may be unread until it comes again; 0 for never. Without
    /// meaning for other channels.
    pub redeliver_ms: u64,
    /// Who may subscribe (`subscriber` has no meaning here).
    pub subscribe: Access,
    /// Who may publish.
    pub publish: Access,
    /// Who may read history.
    pub history: Access,
    /// Who may read presence.
    pub read_presence: Access,
}

impl Default for ChannelOptions {
    /// Nothing is kept, and nobody may do anything.
    fn default() -> Self {
        Self {
            presence: false,
            join_leave: false,
            force_push_join_leave: false,
            debounce_ms: 0,
            retention: None,
            recovery: false,
            recovery_mode: RecoveryMode::default(),
            recovery_limit: RECOVERY_LIMIT,
            positioning: false,
            early: false,
            replicas: 0,
            delta: false,
            overflow: Overflow::default(),
            subscribers_per_channel: 0,
            subscriptions: 0,
            user_limited: false,
            binary: false,
            asks_subscribe: false,
            asks_publish: false,
            redeliver_ms: 0,
            subscribe: Access::default(),
            publish: Access::default(),
            history: Access::default(),
            read_presence: Access::default(),
        }
    }
}

impl ChannelOptions {
    /// Whether subscriptions of the channel have a place in its stream.
    #[must_use]
    pub fn has_positions(&self) -> bool {
        (self.recovery || self.positioning) && self.retention.is_some()
    }

    /// Whether there is a bound to subscriptions, so that each has to have a [`Seat`].
    ///
    /// [`Seat`]: crate::session::Seat
    #[must_use]
    pub fn has_seats(&self) -> bool {
        self.subscribers_per_channel > 0 || self.subscriptions > 0
    }
}

/// All namespaces of a node.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    default: Option<Arc<ChannelOptions>>,
    named: HashMap<Box<str>, Arc<ChannelOptions>>,
    fallback: Option<Arc<ChannelOptions>>,
    inbox: Option<Arc<ChannelOptions>>,
}

impl Namespaces {
    /// No namespaces; `default` are the options of channels without a namespace, `None` forbids
    /// such channels.
    #[must_use]
    pub fn new(default: Option<ChannelOptions>) -> Self {
        Self { default: default.map(Arc::new), ..Self::default() }
    }

    /// Adds or replaces a namespace.
    pub fn insert(&mut self, name: &str, options: ChannelOptions) {
        self.named.insert(name.into(), Arc::new(options));
    }

    /// Lets every namespace that was not inserted exist with these options. For development.
    pub fn set_fallback(&mut self, options: ChannelOptions) {
        self.fallback = Some(Arc::new(options));
    }

    /// Gives personal channels these options: they are inboxes.
    pub fn set_inbox(&mut self, options: ChannelOptions) {
        self.inbox = Some(Arc::new(options));
    }

    /// The options of personal channels, if they are inboxes.
    #[must_use]
    pub fn inbox(&self) -> Option<&Arc<ChannelOptions>> {
        self.inbox.as_ref()
    }

    /// Whether a namespace of that name was inserted.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// The options of a channel; `None` when its namespace is unknown.
    #[must_use]
    pub fn options(&self, channel: &ChannelName) -> Option<&Arc<ChannelOptions>> {
        if channel.is_internal() {
            return None;
        }
        if let Some(inbox) = self.inbox.as_ref().filter(|_| channel.is_personal()) {
            return Some(inbox);
        }
        match channel.namespace() {
            None => self.default.as_ref(),
            Some(name) => self.named.get(name).or(self.fallback.as_ref()),
        }
    }
}
