//! The port to what carries and keeps publications.
//!
//! A backend owns the order of every channel. It gives each draft its place, keeps it as its
//! retention says, and hands it to the [`Sink`] of every interested node, in order. Its operations
//! are answered through a [`Completion`], at once or later, on any thread: callers are event loops
//! as well as async tasks, and neither has to know the other.
//!
//! What all backends do is what the conformance suite asks of them; what only some do they declare
//! as [`Guarantees`].

use crate::channel::ChannelName;
use crate::history::{HistoryPage, HistoryQuery};
use crate::position::Position;
use crate::publication::{Draft, Message};
use crate::signal::{Recipient, Signal};

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
    /// There is no room for this note: there are as many as there may be, or it is too long; nothing
    /// was done. Other notes can be changed, and everything can be published.
    #[error("no room for another note")]
    NotesFull,
    /// The broker cannot be reached, or does not answer. What was under way may or may not have
    /// been done: who publishes again should use an idempotency key.
    #[error("the broker is not available")]
    Unavailable,
    /// It was done, but fewer copies than were asked for have it yet. Publishing again with the same
    /// idempotency key asks once more.
    #[error("not confirmed by as many copies as were asked for")]
    Unconfirmed,
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

/// What a backend promises beyond what all of them do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarantees {
    /// What was acknowledged is there after the process has ended, however it did.
    pub durable: bool,
    /// Several nodes share the streams, hear each other's publications and signals, and have to
    /// [`listen`](Backend::listen) first.
    pub shared: bool,
    /// Drafts may ask for copies ([`Draft::replicas`]). Other backends acknowledge when it is
    /// stored.
    pub replicates: bool,
    /// What was acknowledged may be rolled back when the broker fails over; whoever had seen it can
    /// tell by the tags.
    pub may_fork: bool,
}

/// What carries and keeps publications.
pub trait Backend: Send + Sync {
    /// What this one promises.
    fn guarantees(&self) -> Guarantees;

    /// Places a draft and delivers it.
    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>);

    /// Tells the subscribers of a channel something that takes no place in its stream. Where it
    /// cannot be told it is lost.
    fn announce(&self, channel: &ChannelName, message: Message);

    /// Reads the stream of a channel, creating it if need be, so that its position is defined.
    /// Only the offset of `since` counts: whether it stands in the same history is for the caller to
    /// see ([`HistoryPage::continues`]). While the channel is listened to, whatever is placed behind
    /// the answer's top reaches the sink.
    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    );

    /// Forgets the publications of a channel; its epoch and numbers go on.
    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>);

    /// Hands what is published in a channel to the sink from now on, until [`Backend::unlisten`].
    /// `done` is told when what is published from then on will reach it; an error only says that
    /// this takes longer, not that it is given up. Listening to a channel that is listened to
    /// changes nothing, and tells the same. Must not deliver before it returns.
    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>);

    /// Nobody on this node wants to hear the channel any more. Some of it may still come.
    fn unlisten(&self, channel: &ChannelName);

    /// Tells other nodes something. At most once: whoever needs an answer waits for it with a
    /// deadline. A node does not hear itself.
    fn signal(&self, to: &Recipient, signal: Signal);
}

/// Where a backend delivers to, in the order of each channel. Nothing in it may block.
pub trait Sink: Send + Sync {
    /// Hands over a message of a channel.
    fn deliver(&self, channel: &ChannelName, message: Message);

    /// Publications of a channel may have been lost on their way here: what was missed has to be
    /// read.
    fn doubt(&self, channel: &ChannelName);

    /// Hands over what another node says.
    fn receive(&self, signal: Signal);

    /// Whether so much is waiting that nothing new should be placed.
    fn overloaded(&self) -> bool;
}
