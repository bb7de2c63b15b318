//! What a session wants done.

use std::sync::Arc;

use bytes::Bytes;

use crate::application::{About, Call, Objection, Response};
use crate::backend::{BackendError, Published};
use crate::channel::ChannelName;
use crate::error::{ClientError, CloseReason};
use crate::gap::GapReason;
use crate::history::{HistoryPage, HistoryQuery};
use crate::identity::{ClientInfo, UserId};
use crate::inbox::Inbox;
use crate::namespace::{ChannelOptions, Overflow};
use crate::position::Position;
use crate::presence::PresenceStats;
use crate::publication::Draft;
use crate::reply::{Push, Reply};
use crate::time::WallTime;

use super::Origin;
use super::subscribe::Wanted;

/// Something to do for a session, in order.
#[derive(Debug)]
pub enum Effect {
    /// Answer a command.
    Reply {
        /// The command's id.
        id: u32,
        /// The answer.
        result: Result<Reply, ClientError>,
    },
    /// Tell the client something it did not ask for.
    Push(Push),
    /// The client was let in: it can be addressed by its user from now on.
    Connected {
        /// Its user.
        user: UserId,
    },
    /// Count as a listener of a channel without positions, and deliver nothing of it yet.
    Attend {
        /// The channel.
        channel: ChannelName,
    },
    /// An anonymous connection is its user's from now on.
    Bound {
        /// The user.
        user: UserId,
    },
    /// Deliver the messages of a channel without positions from now on.
    Listen {
        /// The channel.
        channel: ChannelName,
        /// Joins and leaves too.
        joins: bool,
        /// What becomes of publications that are not read fast enough.
        overflow: Overflow,
    },
    /// Hold back the messages of a channel with positions from now on, whether it was listened to
    /// before or not.
    Hold {
        /// The channel.
        channel: ChannelName,
        /// Joins and leaves too.
        joins: bool,
        /// As differences, once released.
        delta: bool,
    },
    /// Deliver what was held back beyond `after`, and go on. If that is not all there was, the
    /// channel is parked and the session is told that it has
    /// [missed](super::Input::Missed) something.
    Release {
        /// The channel.
        channel: ChannelName,
        /// The last place the client knows.
        after: Position,
    },
    /// Deliver nothing of a channel with positions until it is held again.
    Park {
        /// The channel.
        channel: ChannelName,
    },
    /// Forget what was held back, tell the client that it was missed, and go on with what comes.
    Skip {
        /// The channel.
        channel: ChannelName,
        /// Why.
        reason: GapReason,
    },
    /// Say [`Input::Drained`](super::Input::Drained) once everything that was gained has left.
    Drain,
    /// A client that cannot be told of gaps has one: its subscription or its connection ends. To be
    /// counted.
    Lost(GapReason),
    /// Stop delivering.
    Unlisten {
        /// The channel.
        channel: ChannelName,
    },
    /// The connection is in the channel: for presence, and for those who hear who comes.
    Enter {
        /// The channel.
        channel: ChannelName,
        /// The connection.
        info: Arc<ClientInfo>,
    },
    /// The connection has left the channel.
    Exit {
        /// The channel.
        channel: ChannelName,
        /// The connection.
        info: Arc<ClientInfo>,
    },
    /// Ask the node; its answer comes back as [`Input::Answer`](super::Input::Answer).
    Ask {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The question.
        ask: Ask,
    },
    /// Send a ping.
    Ping,
    /// Close the connection, after everything before it has been sent. The session has ended.
    Close(CloseReason),
}

/// A question to the node.
#[derive(Debug)]
pub enum Ask {
    /// Publish.
    Publish(Draft),
    /// Read a stream.
    History {
        /// Of which channel.
        channel: ChannelName,
        /// What of it.
        query: HistoryQuery,
    },
    /// Look into the inbox whose channel this is, and read its stream.
    Inbox {
        /// The channel.
        channel: ChannelName,
        /// What of its stream.
        read: ReadInbox,
    },
    /// Whether what is published in a channel reaches the node by now.
    Hear(ChannelName),
    /// Who is there.
    Presence(ChannelName),
    /// How many are there.
    PresenceStats(ChannelName),
    /// Ask the application; a call of a method may be one of the node's own.
    Call(About, Call),
}

/// What to read of an inbox's stream.
#[derive(Debug)]
pub enum ReadInbox {
    /// This.
    Query(HistoryQuery),
    /// Messages behind the oldest unread one, so many at most.
    Unread(usize),
}

/// The node's answer.
#[derive(Debug)]
pub enum Answer {
    /// To [`Ask::Publish`].
    Published(Result<Published, BackendError>),
    /// To [`Ask::History`].
    History(Result<HistoryPage, BackendError>),
    /// To [`Ask::Inbox`].
    Inbox(Result<(Inbox, HistoryPage), BackendError>),
    /// To [`Ask::Hear`].
    Heard(Result<(), BackendError>),
    /// To [`Ask::Presence`].
    Presence(Result<Vec<Arc<ClientInfo>>, BackendError>),
    /// To [`Ask::PresenceStats`].
    PresenceStats(Result<PresenceStats, BackendError>),
    /// To [`Ask::Call`].
    Called(Result<Response, Objection>),
}

/// All that a session needs to go on when an answer comes.
#[derive(Debug)]
pub enum Ticket {
    /// Answer this command.
    Reply(u32),
    /// Answer this command, which read the stream from a place.
    History(u32, Box<Position>),
    /// Let the client in, if that is said who it is.
    Connect,
    /// Answer this command, which asked at this time who the connection is by now.
    Login(u32, WallTime),
    /// Let the connection go on, or not.
    Refresh,
    /// Subscribe, if that is allowed.
    Permit(Box<PermitTicket>),
    /// Publish this for this command, if that is allowed.
    Approve(u32, Box<Draft>),
    /// Let this subscription go on, or not.
    SubRefresh(ChannelName),
    /// Finish a subscription.
    Subscribe(Box<SubscribeTicket>),
    /// Go on with a subscription that lags.
    CatchUp {
        /// Tells this question from earlier ones.
        number: u32,
        /// Of which channel.
        channel: ChannelName,
    },
}

/// What is needed to make a subscription once the application has allowed it.
#[derive(Debug)]
pub struct PermitTicket {
    pub(super) number: u32,
    pub(super) channel: ChannelName,
    pub(super) wanted: Wanted,
}

/// What is needed to finish a subscription once its channel is heard, or its stream was read.
#[derive(Debug)]
pub struct SubscribeTicket {
    pub(super) number: u32,
    pub(super) origin: Origin,
    pub(super) channel: ChannelName,
    pub(super) options: Arc<ChannelOptions>,
    pub(super) recover: Option<Position>,
    pub(super) reject_unrecovered: bool,
    pub(super) required: bool,
    pub(super) data: Option<Bytes>,
}
