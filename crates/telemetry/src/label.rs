//! The values labels may take. Each set is closed: nothing a client sends becomes a label.

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// Name of the label.
    const NAME: &'static str;
    /// The texts of all values, each at the place that [`Label::index`] says.
    const VALUES: &'static [&'static str];

    /// Where the value stands in [`Label::VALUES`].
    fn index(self) -> usize;

    /// Its text.
    fn text(self) -> &'static str {
        Self::VALUES[self.index()]
    }
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident = $label:literal {
        $($(#[$value_doc:meta])* $value:ident = $text:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl Label for $name {
            const NAME: &'static str = $label;
            const VALUES: &'static [&'static str] = &[$($text),+];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label! {
    /// How a client talks.
    Protocol = "protocol" {
        /// Centrifuge protocol in JSON.
        CentrifugeJson = "centrifuge_json",
        /// Centrifuge protocol in Protobuf.
        CentrifugeProtobuf = "centrifuge_protobuf",
        /// One JSON object per frame, at `/ws`.
        Plain = "plain",
        /// EventSource, at `/sse`.
        EventSource = "event_source",
        /// Payloads alone, at `/ws?format=raw`.
        Raw = "raw",
        /// The rooms endpoint.
        Rooms = "rooms",
    }
}

label! {
    /// Why the node closed a connection.
    Closed = "reason" {
        /// The client asked for it, or was gone already.
        Normal = "normal",
        /// The node is going down.
        Shutdown = "shutdown",
        /// The node failed.
        Internal = "internal",
        /// The connection's token expired.
        Expired = "expired",
        /// A subscription's token expired.
        SubscriptionExpired = "subscription_expired",
        /// The client did not read fast enough.
        Slow = "slow",
        /// Order or completeness could not be kept.
        InsufficientState = "insufficient_state",
        /// A ping was not answered.
        NoPong = "no_pong",
        /// The client was too fast.
        TooManyRequests = "too_many_requests",
        /// The token was invalid.
        InvalidToken = "invalid_token",
        /// The client broke the protocol.
        BadRequest = "bad_request",
        /// The client did not say who it is in time.
        Stale = "stale",
        /// An operator or the application asked for it.
        ForceDisconnect = "force_disconnect",
        /// The node holds all the connections it may.
        ConnectionLimit = "connection_limit",
        /// The connection holds all the channels it may.
        ChannelLimit = "channel_limit",
        /// The protocol could not carry what it would have to.
        InappropriateProtocol = "inappropriate_protocol",
        /// The client may not.
        PermissionDenied = "permission_denied",
        /// The client had no identity, where one is needed.
        Unauthorized = "unauthorized",
        /// Whoever knows who the client is did not answer.
        Unavailable = "unavailable",
        /// A code of the application's own.
        Custom = "custom",
    }
}

label! {
    /// Why publications could not be given to a subscriber.
    Gap = "reason" {
        /// They were dropped from the stream, which is bounded.
        Trimmed = "trimmed",
        /// The stream is another.
        EpochChanged = "epoch_changed",
        /// The stream took another way than the subscriber knew.
        Forked = "forked",
        /// They came faster than they could be handed over.
        Overflow = "overflow",
        /// They were more than one recovery hands over.
        Limit = "limit",
    }
}

label! {
    /// Why a connection was refused before it could say anything.
    Refused = "reason" {
        /// The node holds all the connections it may.
        Limit = "limit",
        /// The node is going down.
        Shutdown = "shutdown",
        /// The operating system gave no connection, most often for want of descriptors.
        Accept = "accept",
        /// The shard or the server it was meant for has no room for more arrivals.
        Overload = "overload",
        /// The TLS handshake failed.
        Tls = "tls",
    }
}

label! {
    /// Why a request did not become a connection.
    UpgradeFailure = "reason" {
        /// The request was no HTTP, or larger than allowed.
        Request = "request",
        /// The request did not arrive in time.
        Timeout = "timeout",
        /// The WebSocket handshake was not as RFC 6455 wants it.
        Handshake = "handshake",
        /// The page it came from is not allowed.
        Origin = "origin",
        /// Its address has connected too often lately, or has too many connections.
        TooFast = "too_fast",
        /// The endpoint wanted an identity, or another one.
        Identity = "identity",
    }
}

label! {
    /// A method of the server API.
    ApiMethod = "method" {
        /// `publish`.
        Publish = "publish",
        /// `broadcast`.
        Broadcast = "broadcast",
        /// `subscribe`.
        Subscribe = "subscribe",
        /// `unsubscribe`.
        Unsubscribe = "unsubscribe",
        /// `disconnect`.
        Disconnect = "disconnect",
        /// `refresh`.
        Refresh = "refresh",
        /// `revoke`.
        Revoke = "revoke",
        /// `connections`.
        Connections = "connections",
        /// `presence`.
        Presence = "presence",
        /// `presence_stats`.
        PresenceStats = "presence_stats",
        /// `history`.
        History = "history",
        /// `history_remove`.
        HistoryRemove = "history_remove",
        /// `channels`.
        Channels = "channels",
        /// `schedule`.
        Schedule = "schedule",
        /// `schedule_cancel`.
        ScheduleCancel = "schedule_cancel",
        /// `schedule_list`.
        ScheduleList = "schedule_list",
        /// `inbox_ack`.
        InboxAck = "inbox_ack",
        /// `inbox_state`.
        InboxState = "inbox_state",
        /// `webhook_list`.
        WebhookList = "webhook_list",
        /// `webhook_dead`.
        WebhookDead = "webhook_dead",
        /// `webhook_replay`.
        WebhookReplay = "webhook_replay",
        /// `webhook_discard`.
        WebhookDiscard = "webhook_discard",
        /// `/message`.
        Message = "message",
        /// `info`.
        Info = "info",
        /// `batch`; the commands in it are counted as well.
        Batch = "batch",
        /// Any other.
        Unknown = "unknown",
    }
}

impl ApiMethod {
    /// The method of that name; [`ApiMethod::Unknown`] if there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "publish" => Self::Publish,
            "broadcast" => Self::Broadcast,
            "subscribe" => Self::Subscribe,
            "unsubscribe" => Self::Unsubscribe,
            "disconnect" => Self::Disconnect,
            "refresh" => Self::Refresh,
            "revoke" => Self::Revoke,
            "connections" => Self::Connections,
            "presence" => Self::Presence,
            "presence_stats" => Self::PresenceStats,
            "history" => Self::History,
            "history_remove" => Self::HistoryRemove,
            "channels" => Self::Channels,
            "schedule" => Self::Schedule,
            "schedule_cancel" => Self::ScheduleCancel,
            "schedule_list" => Self::ScheduleList,
            "inbox_ack" => Self::InboxAck,
            "inbox_state" => Self::InboxState,
            "webhook_list" => Self::WebhookList,
            "webhook_dead" => Self::WebhookDead,
            "webhook_replay" => Self::WebhookReplay,
            "webhook_discard" => Self::WebhookDiscard,
            "message" => Self::Message,
            "info" => Self::Info,
            "batch" => Self::Batch,
            _ => Self::Unknown,
        }
    }
}

label! {
    /// How a request of the server API ended.
    ApiOutcome = "outcome" {
        /// It was done.
        Ok = "ok",
        /// It was understood and could not be done.
        Error = "error",
        /// The body made no sense.
        BadRequest = "bad_request",
        /// The key was missing or wrong.
        Unauthorized = "unauthorized",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_known_by_its_label() {
        for (index, name) in ApiMethod::VALUES.iter().enumerate() {
            // `/message` is no method below `/api`.
            if index != ApiMethod::Message.index() {
                assert_eq!(ApiMethod::named(name).index(), index, "{name}");
            }
        }
        assert_eq!(ApiMethod::named("PUBLISH"), ApiMethod::Unknown);
    }
}
