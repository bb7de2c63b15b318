//! What crosses the network, lane by lane.

use std::sync::Arc;

use trunkline_core::backend::{BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::identity::ClientInfo;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::roster::Telling;
use trunkline_core::signal::{Recipient, Signal};

/// Called with the outcome of an operation.
pub(crate) type Done<T> = Completion<Result<T, BackendError>>;

/// Something to do once no lock is held.
pub(crate) type Act = Box<dyn FnOnce() + Send>;

/// What a node asks.
pub(crate) enum Request {
    Publish(Draft, Done<Published>),
    Announce(ChannelName, Message),
    History(ChannelName, HistoryQuery, Done<HistoryPage>),
    RemoveHistory(ChannelName, Done<()>),
    Signal(Recipient, Signal),
    Enter(ChannelName, Arc<ClientInfo>, Telling),
    Exit(ChannelName, Arc<ClientInfo>),
    Members(ChannelName, Done<Vec<Arc<ClientInfo>>>),
    Stats(ChannelName, Done<PresenceStats>),
}

impl Request {
    /// Whether it is kept when requests are given up.
    pub(crate) fn is_repeated(&self) -> bool {
        matches!(self, Self::Enter(..) | Self::Exit(..))
    }

    /// Tells whoever asked that nothing comes of it; nobody, where nobody waits.
    pub(crate) fn fail(self, error: BackendError) -> Option<Act> {
        match self {
            Self::Publish(_, done) => Some(Box::new(move || done(Err(error)))),
            Self::History(_, _, done) => Some(Box::new(move || done(Err(error)))),
            Self::RemoveHistory(_, done) => Some(Box::new(move || done(Err(error)))),
            Self::Members(_, done) => Some(Box::new(move || done(Err(error)))),
            Self::Stats(_, done) => Some(Box::new(move || done(Err(error)))),
            Self::Announce(..) | Self::Signal(..) | Self::Enter(..) | Self::Exit(..) => None,
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Publish(draft, _) => format!("publish {}", draft.channel),
            Self::Announce(channel, _) => format!("announce {channel}"),
            Self::History(channel, ..) => format!("history {channel}"),
            Self::RemoveHistory(channel, _) => format!("remove history {channel}"),
            Self::Signal(to, _) => format!("signal {to:?}"),
            Self::Enter(channel, info, _) => format!("enter {channel} {}", info.client),
            Self::Exit(channel, info) => format!("exit {channel} {}", info.client),
            Self::Members(channel, _) => format!("members {channel}"),
            Self::Stats(channel, _) => format!("stats {channel}"),
        }
    }
}

/// What became of a request, on its way back.
pub(crate) struct Answer {
    pub(crate) about: String,
    tell: Box<dyn FnOnce(Result<(), BackendError>) + Send>,
}

impl Answer {
    pub(crate) fn new<T: Send + 'static>(
        about: String,
        done: Done<T>,
        outcome: Result<T, BackendError>,
    ) -> Self {
        Self { about, tell: Box::new(move |arrived| done(arrived.and(outcome))) }
    }

    /// Tells it, or, if it was lost, why.
    pub(crate) fn tell(self, arrived: Result<(), BackendError>) -> Act {
        let tell = self.tell;
        Box::new(move || tell(arrived))
    }
}

/// What a node wants to hear.
pub(crate) enum Wish {
    /// With the number of this wish.
    Listen(ChannelName, u64, Done<()>),
    /// After a broken connection: what was published meanwhile is lost.
    ListenAgain(ChannelName, u64),
    Unlisten(ChannelName),
}

impl Wish {
    pub(crate) fn fail(self, error: BackendError) -> Option<Act> {
        match self {
            Self::Listen(_, _, done) => Some(Box::new(move || done(Err(error)))),
            Self::ListenAgain(..) | Self::Unlisten(_) => None,
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Listen(channel, ..) => format!("listen {channel}"),
            Self::ListenAgain(channel, _) => format!("listen again {channel}"),
            Self::Unlisten(channel) => format!("unlisten {channel}"),
        }
    }
}

/// What a node is told without having asked for it just then.
pub(crate) enum Parcel {
    Message(ChannelName, Message),
    /// With the number of the wish.
    Doubt(ChannelName, u64),
    Signal(Signal),
    /// With the number of the wish.
    Heard(ChannelName, u64, Done<()>),
}

impl Parcel {
    pub(crate) fn fail(self, error: BackendError) -> Option<Act> {
        match self {
            Self::Heard(_, _, done) => Some(Box::new(move || done(Err(error)))),
            Self::Message(..) | Self::Doubt(..) | Self::Signal(_) => None,
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Message(channel, message) => match message {
                Message::Publication(publication) => {
                    format!("publication {channel} {}", publication.offset)
                }
                Message::Join(info) => format!("join {channel} {}", info.client),
                Message::Leave(info) => format!("leave {channel} {}", info.client),
            },
            Self::Doubt(channel, _) => format!("doubt {channel}"),
            Self::Signal(_) => "signal".into(),
            Self::Heard(channel, ..) => format!("heard {channel}"),
        }
    }
}
