//! Events as receivers see them.

use serde::{Deserialize, Serialize};
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::observer::Happening;

/// One event: what has happened, when, and on which node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Unique among all events.
    pub(crate) id: String,
    /// Milliseconds since the Unix epoch, by the clock of the node.
    pub(crate) time: u64,
    /// The id of the node that tells it.
    pub(crate) node: String,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What has happened. The names and fields are what `docs/webhooks.md` promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    Connected {
        client: String,
        user: String,
        protocol: String,
    },
    Identified {
        client: String,
        user: String,
    },
    Disconnected {
        client: String,
        user: String,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
    },
    Subscribed {
        client: String,
        user: String,
        channel: String,
    },
    Unsubscribed {
        client: String,
        user: String,
        channel: String,
    },
    ChannelOccupied {
        channel: String,
    },
    ChannelVacated {
        channel: String,
    },
    MemberAdded {
        channel: String,
        user: String,
    },
    MemberRemoved {
        channel: String,
        user: String,
    },
    InboxUnread {
        user: String,
        channel: String,
        unread: u64,
        /// When the oldest was published, in milliseconds since the Unix epoch.
        oldest: u64,
    },
    NodeLost,
    EventsLost {
        /// How many, as far as that is known; 0 if it is not.
        count: u64,
        reason: String,
    },
}

/// The kinds of events a receiver may want, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A client was let in.
    Connected,
    /// A client that was nobody has shown who it is.
    Identified,
    /// A connection has ended.
    Disconnected,
    /// A client is in a channel.
    Subscribed,
    /// A client has left a channel.
    Unsubscribed,
    /// A channel has its first subscriber.
    ChannelOccupied,
    /// A channel has lost its last subscriber.
    ChannelVacated,
    /// A user is in a channel.
    MemberAdded,
    /// A user has left a channel.
    MemberRemoved,
    /// A user has not read a message for some time.
    InboxUnread,
    /// A node has ended without saying so.
    NodeLost,
    /// Events were lost.
    EventsLost,
}

impl Kind {
    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }

    /// Whether it is of a channel and who is in it.
    pub(crate) fn is_of_channels(self) -> bool {
        match self {
            Self::Subscribed
            | Self::Unsubscribed
            | Self::ChannelOccupied
            | Self::ChannelVacated
            | Self::MemberAdded
            | Self::MemberRemoved => true,
            Self::Connected
            | Self::Identified
            | Self::Disconnected
            | Self::InboxUnread
            | Self::NodeLost
            | Self::EventsLost => false,
        }
    }

    /// Whether every receiver is told, wanted or not: without it, others are misunderstood.
    pub(crate) fn is_for_all(self) -> bool {
        matches!(self, Self::NodeLost | Self::EventsLost)
    }
}

impl What {
    /// The channel it is of, if it is of one.
    pub(crate) fn channel(&self) -> Option<&str> {
        match self {
            Self::Subscribed { channel, .. }
            | Self::Unsubscribed { channel, .. }
            | Self::ChannelOccupied { channel }
            | Self::ChannelVacated { channel }
            | Self::MemberAdded { channel, .. }
            | Self::MemberRemoved { channel, .. }
            | Self::InboxUnread { channel, .. } => Some(channel),
            Self::Connected { .. }
            | Self::Identified { .. }
            | Self::Disconnected { .. }
            | Self::NodeLost
            | Self::EventsLost { .. } => None,
        }
    }

    /// What concerns one connection, of a happening.
    pub(crate) fn of(happening: Happening) -> (Kind, Self) {
        let whose =
            |client: ClientId, user: &UserId| (client.to_string(), user.as_str().to_owned());
        match happening {
            Happening::Connected { client, user, protocol } => {
                let (client, user) = whose(client, &user);
                (Kind::Connected, Self::Connected { client, user, protocol: protocol.to_owned() })
            }
            Happening::Identified { client, user } => {
                let (client, user) = whose(client, &user);
                (Kind::Identified, Self::Identified { client, user })
            }
            Happening::Disconnected { client, user, reason } => {
                let (code, words) = reason.custom.unzip();
                let (client, user) = whose(client, &user);
                let (reason, words) = (reason.reason.to_owned(), words.map(String::from));
                (Kind::Disconnected, Self::Disconnected { client, user, reason, code, words })
            }
            Happening::Subscribed { channel, info, .. } => {
                let (client, user) = whose(info.client, &info.user);
                let channel = channel.as_str().to_owned();
                (Kind::Subscribed, Self::Subscribed { client, user, channel })
            }
            Happening::Unsubscribed { channel, info, .. } => {
                let (client, user) = whose(info.client, &info.user);
                let channel = channel.as_str().to_owned();
                (Kind::Unsubscribed, Self::Unsubscribed { client, user, channel })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::observer::Parting;

    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
        let custom = Some((4_501, "elsewhere".into()));
        let (kind, what) = What::of(Happening::Disconnected {
            client: ClientId(1),
            user: UserId::new("ann"),
            reason: Parting { reason: "custom", custom },
        });
        let event = Event { id: "n-1".into(), time: 5, node: "n".into(), what };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            "{\"id\":\"n-1\",\"time\":5,\"node\":\"n\",\"event\":\"disconnected\",\
             \"client\":\"00000000-0000-0000-0000-000000000001\",\"user\":\"ann\",\
             \"reason\":\"custom\",\"code\":4501,\"words\":\"elsewhere\"}"
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert_eq!((kind, Kind::named("disconnected")), (Kind::Disconnected, Some(kind)));
        assert_eq!(Kind::named("disconnect"), None);
    }
}
