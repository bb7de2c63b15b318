//! What clients are told, whatever their protocol.

use std::sync::Arc;

use bytes::Bytes;

use crate::channel::ChannelName;
use crate::error::UnsubscribeReason;
use crate::gap::GapReason;
use crate::history::HistoryPage;
use crate::identity::{ClientId, ClientInfo, UserId};
use crate::position::Position;
use crate::presence::PresenceStats;
use crate::publication::{Message, Publication};

/// The answer to a command that went well.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To `connect`.
    Connect(Box<ConnectResult>),
    /// To `subscribe`.
    Subscribe(Box<SubscribeResult>),
    /// To `unsubscribe`.
    Unsubscribe,
    /// To `publish`.
    Publish,
    /// To `presence`.
    Presence(Vec<Arc<ClientInfo>>),
    /// To `presence_stats`.
    PresenceStats(PresenceStats),
    /// To a message that binds the connection to its user.
    Login(UserId),
    /// To `rpc`: what the method answers.
    Rpc(Bytes),
    /// To `history`.
    History(HistoryPage),
    /// To `refresh`.
    Refresh(Box<RefreshResult>),
    /// To `sub_refresh`: seconds until the new token expires, if it does.
    SubRefresh(Option<u32>),
}

/// What a client learns when it is let in.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectResult {
    /// Its connection id.
    pub client: ClientId,
    /// Seconds until its token expires, if it does.
    pub expires_in: Option<u32>,
    /// Seconds between pings; 0 for none.
    pub ping_seconds: u32,
    /// Whether pings want an answer.
    pub pong: bool,
    /// What the application has for it.
    pub data: Option<Bytes>,
    /// Subscriptions the server made.
    pub subscriptions: Vec<(ChannelName, SubscribeResult)>,
}

/// What a client learns when it is subscribed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscribeResult {
    /// Seconds until its subscription token expires, if it does.
    pub expires_in: Option<u32>,
    /// Whether it may come back at a position.
    pub recoverable: bool,
    /// Where the subscription starts; for a recovered one, the position asked for. `None` in
    /// channels without positions.
    pub position: Option<Position>,
    /// Whether it asked to come back at a position.
    pub was_recovering: bool,
    /// Whether everything missed is here.
    pub recovered: bool,
    /// Why not, when it asked to come back.
    pub gap: Option<GapReason>,
    /// Whether publications come as differences: those here are then written as
    /// [`Form::Delta`](crate::codec::Form::Delta) too.
    pub delta: bool,
    /// What was missed, in order.
    pub publications: Vec<Arc<Publication>>,
    /// Handed over by the server with the subscription.
    pub data: Option<Bytes>,
}

/// What a client learns when its newer token is accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshResult {
    /// Its connection id.
    pub client: ClientId,
    /// Seconds until the new token expires, if it does.
    pub expires_in: Option<u32>,
}

/// What a client is told without having asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Push {
    /// It is let in (for protocols that connect by URL).
    Connect(Box<ConnectResult>),
    /// It is subscribed, by the server or by URL.
    Subscribe {
        /// The channel.
        channel: ChannelName,
        /// How.
        result: Box<SubscribeResult>,
    },
    /// Its subscription has ended.
    Unsubscribe {
        /// The name it used.
        channel: Box<str>,
        /// Why.
        reason: UnsubscribeReason,
    },
    /// A message of a channel, for this connection alone.
    Message {
        /// The channel.
        channel: ChannelName,
        /// The message.
        message: Message,
        /// Whether the subscription's publications come as differences. This one is whole.
        delta: bool,
    },
    /// Publications of a subscription that goes on could not be given to it. Only for codecs that
    /// can say so ([`Codec::tells_gaps`](crate::codec::Codec::tells_gaps)).
    Gap {
        /// The channel.
        channel: ChannelName,
        /// Why.
        reason: GapReason,
        /// Where it goes on.
        position: Position,
    },
}
