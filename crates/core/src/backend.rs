//! The port to what carries and keeps publications.
//!
//! A backend owns the order of every channel. It gives each draft its place, keeps it as its
//! retention says, and hands it to the [`Sink`] of every interested node, in order. Its operations
//! are answered through a [`Completion`], at once or later, on any thread: callers are event loops
//! as well as async tasks, and neither has to know the other.

use crate::channel::ChannelName;
use crate::history::{HistoryPage, HistoryQuery};
use crate::position::Position;
use crate::publication::{Draft, Message};

/// Called once with the outcome of an operation.
pub type Completion<T> = Box<dyn FnOnce(T) + Send>;

/// Why a backend could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Too much is waiting; nothing was done, and trying again later is safe.
    #[error("overloaded")]
    Overloaded,
    /// There is no room to store it; nothing was done. It can be done again once there is room.
    #[error("no room to store it")]
    Full,
    /// The backend has stopped. What was under way may or may not have been done.
    #[error("the backend has stopped")]
    Stopped,
}

/// What became of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its position; `None` in a channel that keeps no history.
    pub position: Option<Position>,
    /// Whether an earlier draft with the same idempotency key was published instead.
    pub duplicate: bool,
}

/// What carries and keeps publications.
pub trait Backend: Send + Sync {
    /// Places a draft and delivers it.
    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>);

    /// Tells the subscribers of a channel something that takes no place in its stream.
    fn announce(&self, channel: &ChannelName, message: Message);

    /// Reads the stream of a channel, creating it if need be, so that its position is defined.
    /// Only the offset of `since` counts: whether it stands in the same history is for the caller to
    /// see ([`HistoryPage::continues`]).
    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    );

    /// Forgets the publications of a channel; its epoch and numbers go on.
    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>);
}

/// Where a backend delivers to, in the order of each channel.
pub trait Sink: Send + Sync {
    /// Hands over a message of a channel. Must not block.
    fn deliver(&self, channel: &ChannelName, message: Message);

    /// Whether so much is waiting that nothing new should be placed.
    fn overloaded(&self) -> bool;
}
