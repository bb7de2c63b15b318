//! What nodes tell each other beside publications.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::channel::ChannelName;
use crate::control::Control;
use crate::identity::{ClientId, UserId};
use crate::rate::Spent;
use crate::revocation::Revocation;

/// The id of one running process: another one after a restart.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// An id, which must be unique among all nodes, now and later.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom a signal is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// All other nodes.
    Everyone,
    /// One of them.
    Node(NodeId),
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Its id.
    pub node: NodeId,
    /// Its name, for people.
    pub name: Box<str>,
    /// The version it runs.
    pub version: Box<str>,
    /// Connections.
    pub clients: u64,
    /// Different users among them.
    pub users: u64,
    /// Channels with listeners.
    pub channels: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Seconds since it started.
    pub uptime_s: u64,
}

/// A question to all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which channels that match this pattern have listeners, and how many.
    Channels {
        /// `*` stands for any text, `?` for any character.
        pattern: Box<str>,
    },
    /// Which connections a user has.
    Connections {
        /// The user.
        user: UserId,
    },
}

/// One node's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Listeners per channel.
    Channels(Vec<(ChannelName, u64)>),
    /// Connections of the user.
    Connections(Vec<ConnectionReport>),
}

/// What a node says of one of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReport {
    /// Its id.
    pub client: ClientId,
    /// The label of its protocol, as in metrics.
    pub protocol: Box<str>,
    /// The channels it is subscribed to.
    pub channels: Vec<ChannelName>,
}

/// Something one node tells others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It is there. Said when it starts, when another one does, and every few seconds.
    Here(NodeReport),
    /// It is going.
    Gone(NodeId),
    /// The publications of a channel were removed.
    Cleared(ChannelName),
    /// Something is to be done to all connections it concerns.
    Control(Arc<Control>),
    /// Something was taken back.
    Revoked(Revocation),
    /// It wants to know something.
    Ask {
        /// Who asks.
        from: NodeId,
        /// Comes back with the answer.
        number: u64,
        /// What.
        question: Question,
    },
    /// What it was asked. A long answer comes in parts, in order.
    Answer {
        /// Who answers.
        from: NodeId,
        /// The number of the question.
        number: u64,
        /// The place of this part, from 0.
        part: u32,
        /// Whether there is no further part.
        last: bool,
        /// What was found.
        finding: Finding,
    },
    /// What was done on it, on accounts that are near their limits.
    Spent(Vec<Spent>),
    /// A client's command that came to another node than the one that holds its connection.
    Command {
        /// The connection.
        client: ClientId,
        /// What the client sent, in the form of its protocol.
        data: Bytes,
    },
}
