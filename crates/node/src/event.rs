//! What reaches a shard through its mailbox.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::channel::ChannelName;
use trunkline_core::control::Control;
use trunkline_core::hub::ConnectionKey;
use trunkline_core::identity::ClientId;
use trunkline_core::publication::Message;
use trunkline_core::revocation::Revocation;
use trunkline_core::session::{Answer, Ticket};

use crate::survey::{ChannelSurvey, ConnectionSurvey};

/// Something for a shard to do.
#[derive(Debug)]
pub enum Event {
    /// Deliver a message to the listeners of a channel.
    Deliver {
        /// The channel.
        channel: ChannelName,
        /// The message.
        message: Message,
    },
    /// Publications of a channel may have been lost: whoever follows its stream is to look.
    Doubt {
        /// The channel.
        channel: ChannelName,
    },
    /// Hand an answer to the session that asked.
    Answer {
        /// Its connection.
        connection: ConnectionKey,
        /// Its id, as keys are used again.
        client: ClientId,
        /// What it gave along.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// Do something to all connections it concerns.
    Control(Arc<Control>),
    /// End what this concerns.
    Revoked(Arc<Revocation>),
    /// Report the channels somebody listens to.
    Survey(Arc<ChannelSurvey>),
    /// Report the connections of a user.
    Connections(Arc<ConnectionSurvey>),
    /// Take a command that came another way than over the connection's own socket.
    Command {
        /// The connection, which may be another shard's.
        client: ClientId,
        /// What the client sent, in the form of its protocol.
        data: Bytes,
    },
    /// Take no more connections, and close those there are, spread over this many milliseconds.
    Drain {
        /// Milliseconds.
        spread_ms: u64,
    },
    /// Close what is left and end.
    Stop,
}
