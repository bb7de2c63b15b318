//! The port to whoever is told what clients do, as an application that wants to hear of it.

use std::sync::Arc;

use crate::channel::ChannelName;
use crate::identity::{ClientId, ClientInfo, UserId};

/// Something that a client has done, or that has become of it. What concerns one connection is told
/// in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was let in.
    Connected {
        /// Its connection.
        client: ClientId,
        /// Who it is; nobody, if that is not known or not known yet.
        user: UserId,
        /// How it talks, as metrics name it.
        protocol: &'static str,
    },
    /// It was let in as nobody, and has shown who it is.
    Identified {
        /// Its connection.
        client: ClientId,
        /// Who it is.
        user: UserId,
    },
    /// Its connection has ended, or is being closed.
    Disconnected {
        /// Its connection.
        client: ClientId,
        /// Who it was.
        user: UserId,
        /// Why.
        reason: Parting,
    },
    /// It is in a channel.
    Subscribed {
        /// The channel.
        channel: ChannelName,
        /// Who it is.
        info: Arc<ClientInfo>,
        /// Whether users are members of the channel.
        membership: Membership,
    },
    /// It has left a channel.
    Unsubscribed {
        /// The channel.
        channel: ChannelName,
        /// Who it was.
        info: Arc<ClientInfo>,
        /// As when it came.
        membership: Membership,
    },
}

/// Why a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// As metrics name it.
    pub reason: &'static str,
    /// The code and the words, where they are the application's own.
    pub custom: Option<(u16, Box<str>)>,
}

/// Whether users are members of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It keeps no presence: nobody counts who is there.
    None,
    /// They are, and for so many milliseconds after their last connection has left.
    Lingering(u64),
}

/// Whoever is told. It must not block, nor ask the node for anything: event loops tell it.
pub trait Observer: Send + Sync {
    /// Something has happened.
    fn observe(&self, happening: Happening);
}
