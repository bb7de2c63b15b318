//! The port to whoever knows who is in which channel, over all nodes.
//!
//! Each node is the only one that speaks of its own connections. What it has said is taken back when
//! it says so, or when it has not been heard of for long: a node that dies takes its connections
//! with it within [`DEAD_NODE_MS`](crate::limits::DEAD_NODE_MS).

use std::sync::Arc;

use crate::backend::{BackendError, Completion};
use crate::channel::ChannelName;
use crate::identity::ClientInfo;
use crate::presence::PresenceStats;

/// Who of the channel's subscribers is told when somebody comes or goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Telling {
    /// Nobody.
    #[default]
    Nothing,
    /// Everybody who wants to hear it, of each connection.
    Connections,
    /// The same, but only of a user's first connection and of its last, over all nodes. Connections
    /// without a user count each for itself.
    Users,
}

/// Who is in which channel.
pub trait Roster: Send + Sync {
    /// A connection of this node is in a channel. One that is in it already is known by `info` from
    /// now on; that its user has come is not news then.
    fn enter(&self, channel: &ChannelName, info: &Arc<ClientInfo>, telling: Telling);

    /// A connection of this node has left a channel, told of as when it entered.
    fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>, telling: Telling);

    /// The connections in a channel, [`PRESENCE_CLIENTS`](crate::limits::PRESENCE_CLIENTS) of them
    /// at most.
    fn members(
        &self,
        channel: &ChannelName,
        done: Completion<Result<Vec<Arc<ClientInfo>>, BackendError>>,
    );

    /// How many are in a channel.
    fn stats(&self, channel: &ChannelName, done: Completion<Result<PresenceStats, BackendError>>);
}
