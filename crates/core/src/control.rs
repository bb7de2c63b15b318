//! What an operator or the application asks of connections it does not hold.

use bytes::Bytes;

use crate::channel::ChannelName;
use crate::error::CloseReason;
use crate::identity::{ClientId, UserId};
use crate::publication::Tags;
use crate::time::WallTime;

/// Which connections are meant: those of `user`, narrowed by the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The user; the anonymous user means the connections without one.
    pub user: UserId,
    /// Only this connection.
    pub client: Option<ClientId>,
    /// Not these connections.
    pub except: Vec<ClientId>,
}

impl Target {
    /// Whether a connection of the right user is meant.
    #[must_use]
    pub fn includes(&self, client: ClientId) -> bool {
        self.client.is_none_or(|only| only == client) && !self.except.contains(&client)
    }
}

/// What to do with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close the connection.
    Disconnect(CloseReason),
    /// Subscribe it to a channel.
    Subscribe {
        /// The channel.
        channel: ChannelName,
        /// Shown to others as `chan_info`.
        info: Option<Bytes>,
        /// Handed to the client.
        data: Option<Bytes>,
    },
    /// Tell it something of a channel that is kept nowhere.
    Send {
        /// The channel.
        channel: ChannelName,
        /// The payload.
        data: Bytes,
        /// Labels.
        tags: Tags,
    },
    /// End its subscription to a channel.
    Unsubscribe {
        /// The channel.
        channel: ChannelName,
    },
    /// Say how long it may go on, as a newer token would.
    Refresh {
        /// Not at all: it is closed as expired.
        expired: bool,
        /// Until when; `None` for as long as it likes. A time that has passed closes it as expired.
        expires_at: Option<WallTime>,
        /// Shown to others as `conn_info` from now on; `None` leaves what is known.
        info: Option<Bytes>,
    },
}

/// An action and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Whom.
    pub target: Target,
    /// What.
    pub action: Action,
}
