//! What clients ask for, whatever their protocol.
//!
//! Commands borrow from the message they were read from; nothing is copied until it is accepted.

use std::borrow::Cow;

use crate::error::ClientError;
use crate::position::Position;

/// A command of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Command<'a> {
    /// Chosen by the client to match the reply; 0 where no reply is expected.
    pub id: u32,
    /// What it asks for.
    pub request: Request<'a>,
}

/// A payload and whether it is known to be JSON without line breaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload<'a> {
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
    /// Whether they are one valid JSON value that may stand in a line.
    pub json: bool,
}

/// The body of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Request<'a> {
    /// Introduces the client; must be first.
    Connect(ConnectRequest<'a>),
    /// Starts to receive a channel.
    Subscribe(SubscribeRequest<'a>),
    /// Stops receiving a channel.
    Unsubscribe {
        /// The channel.
        channel: Cow<'a, str>,
    },
    /// Publishes into a channel.
    Publish {
        /// The channel.
        channel: Cow<'a, str>,
        /// What to publish.
        data: Payload<'a>,
    },
    /// Publishes into the only channel the client has asked for, for protocols whose messages name
    /// none.
    Say {
        /// What to publish.
        data: Payload<'a>,
    },
    /// Asks who is in a channel.
    Presence {
        /// The channel.
        channel: Cow<'a, str>,
    },
    /// Asks how many are in a channel.
    PresenceStats {
        /// The channel.
        channel: Cow<'a, str>,
    },
    /// Reads the stream of a channel.
    History {
        /// The channel.
        channel: Cow<'a, str>,
        /// Publications at most; `None` for all the node gives, `Some(0)` for the position only.
        limit: Option<usize>,
        /// Where to start.
        since: Option<Position>,
        /// Newest first.
        reverse: bool,
    },
    /// Asks who the connection is by now, for protocols whose clients may log in elsewhere.
    Login,
    /// Calls a method of the application.
    Rpc {
        /// Its name.
        method: Cow<'a, str>,
        /// Its argument.
        data: Cow<'a, [u8]>,
    },
    /// A message to the application, without a reply.
    Send {
        /// The message.
        data: Cow<'a, [u8]>,
    },
    /// Shows a newer connection token.
    Refresh {
        /// The token.
        token: Cow<'a, str>,
    },
    /// Shows a newer subscription token.
    SubRefresh {
        /// The channel.
        channel: Cow<'a, str>,
        /// The token.
        token: Cow<'a, str>,
    },
    /// The answer to a ping of the node.
    Pong,
    /// Something the protocol knows and this node does not do.
    Unsupported,
    /// Something the protocol knows and this node refuses with an error, without harm to the rest.
    Refused(ClientError),
}

/// How a client introduces itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectRequest<'a> {
    /// Who it is; empty for nobody in particular.
    pub token: Cow<'a, str>,
    /// The user it says it is, in protocols that carry it in the URL. Believed only where
    /// anonymous clients may do everything, else it must be the token's user.
    pub claimed_user: Option<Cow<'a, str>>,
    /// What kind of client it is, for people.
    pub name: Cow<'a, str>,
    /// Its version, for people.
    pub version: Cow<'a, str>,
    /// What it has for the application.
    pub data: Cow<'a, [u8]>,
    /// Where it was in channels that the server subscribed it to.
    pub positions: Vec<(Cow<'a, str>, Position)>,
}

/// How a client asks for a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscribeRequest<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// A subscription token; empty for none.
    pub token: Cow<'a, str>,
    /// Come back at this position.
    pub recover: Option<Position>,
    /// Answer an error instead of starting afresh when the position cannot be recovered.
    pub reject_unrecovered: bool,
    /// Tell who comes and goes.
    pub join_leave: bool,
    /// Send differences between publications where that is possible.
    pub delta: bool,
    /// The connection is of no use without this channel: close it when refused.
    pub required: bool,
}

impl Request<'_> {
    /// Bytes of what it carries.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Request::Connect(request) => request.token.len() + request.data.len(),
            Request::Subscribe(request) => request.channel.len() + request.token.len(),
            Request::Unsubscribe { channel }
            | Request::Presence { channel }
            | Request::PresenceStats { channel }
            | Request::History { channel, .. } => channel.len(),
            Request::Publish { channel, data } => channel.len() + data.bytes.len(),
            Request::Say { data } => data.bytes.len(),
            Request::Rpc { method, data } => method.len() + data.len(),
            Request::Send { data } => data.len(),
            Request::Refresh { token } => token.len(),
            Request::SubRefresh { channel, token } => channel.len() + token.len(),
            Request::Login | Request::Pong | Request::Unsupported | Request::Refused(_) => 0,
        }
    }

    /// The same request, independent of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> Request<'static> {
        match self {
            Request::Connect(request) => Request::Connect(request.into_owned()),
            Request::Subscribe(request) => Request::Subscribe(request.into_owned()),
            Request::Unsubscribe { channel } => Request::Unsubscribe { channel: owned(channel) },
            Request::Publish { channel, data } => {
                Request::Publish { channel: owned(channel), data: data.into_owned() }
            }
            Request::Say { data } => Request::Say { data: data.into_owned() },
            Request::Presence { channel } => Request::Presence { channel: owned(channel) },
            Request::PresenceStats { channel } => {
                Request::PresenceStats { channel: owned(channel) }
            }
            Request::History { channel, limit, since, reverse } => {
                Request::History { channel: owned(channel), limit, since, reverse }
            }
            Request::Login => Request::Login,
            Request::Rpc { method, data } => {
                Request::Rpc { method: owned(method), data: owned(data) }
            }
            Request::Send { data } => Request::Send { data: owned(data) },
            Request::Refresh { token } => Request::Refresh { token: owned(token) },
            Request::SubRefresh { channel, token } => {
                Request::SubRefresh { channel: owned(channel), token: owned(token) }
            }
            Request::Pong => Request::Pong,
            Request::Unsupported => Request::Unsupported,
            Request::Refused(error) => Request::Refused(error),
        }
    }
}

impl Payload<'_> {
    /// The same payload, independent of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        Payload { bytes: owned(self.bytes), json: self.json }
    }
}

impl ConnectRequest<'_> {
    /// The same request, independent of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> ConnectRequest<'static> {
        let positions = self.positions.into_iter();
        ConnectRequest {
            token: owned(self.token),
            claimed_user: self.claimed_user.map(owned),
            name: owned(self.name),
            version: owned(self.version),
            data: owned(self.data),
            positions: positions.map(|(channel, position)| (owned(channel), position)).collect(),
        }
    }
}

impl SubscribeRequest<'_> {
    /// The same request, independent of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> SubscribeRequest<'static> {
        SubscribeRequest {
            channel: owned(self.channel),
            token: owned(self.token),
            recover: self.recover,
            reject_unrecovered: self.reject_unrecovered,
            join_leave: self.join_leave,
            delta: self.delta,
            required: self.required,
        }
    }
}

fn owned<T: ToOwned + ?Sized>(text: Cow<'_, T>) -> Cow<'static, T> {
    Cow::Owned(text.into_owned())
}
