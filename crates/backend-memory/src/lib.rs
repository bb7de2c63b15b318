//! The backend of a single process: streams in memory, gone when it ends.
//!
//! Channels are spread over stripes, each behind a lock. A publication is placed and handed to the
//! sink under the lock of its stripe, so that the order of delivery is the order of the stream.
//! The lock is taken once per publication, never per delivery.

mod idempotency;
mod stripe;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::note::{Change, Changed, Note, NoteKey, Notes, Pending, Window};
use trunkline_core::notebook::{Notebook, Refusal};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};
use trunkline_core::time::WallTime;

use crate::stripe::Stripe;

/// Locks the channels are spread over: more than there are threads to meet on one.
const STRIPES: usize = 64;

/// Tells the time; a test brings its own.
pub type Clock = Box<dyn Fn() -> WallTime + Send + Sync>;

/// Streams in memory.
pub struct MemoryBackend {
    sink: Arc<dyn Sink>,
    clock: Clock,
    hasher: RandomState,
    stripes: Vec<Mutex<Stripe>>,
    /// Locked before a stripe, if both are.
    notebook: Mutex<Notebook>,
}

impl MemoryBackend {
    /// An empty backend that delivers to `sink`.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which the names of streams need.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, clock: Clock) -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the operating system gives randomness");
        let seed = u64::from_ne_bytes(seed);
        let stripe = |n| Mutex::new(Stripe::new(seed, n, STRIPES as u64));
        let stripes = (0..STRIPES as u64).map(stripe).collect();
        Self { sink, clock, hasher: RandomState::new(), stripes, notebook: Mutex::default() }
    }

    /// Gives back the memory of what has expired. To be called every few seconds.
    pub fn sweep(&self) {
        let now = (self.clock)();
        for stripe in &self.stripes {
            lock(stripe).sweep(now);
        }
    }

    fn stripe(&self, channel: &ChannelName) -> MutexGuard<'_, Stripe> {
        let hash = self.hasher.hash_one(channel);
        lock(&self.stripes[usize::try_from(hash % STRIPES as u64).unwrap_or(0)])
    }
}

impl MemoryBackend {
    /// Places a draft and hands it to the sink.
    fn place(&self, draft: Draft, now: WallTime) -> Result<Published, BackendError> {
        let channel = draft.channel.clone();
        let mut stripe = self.stripe(&channel);
        let (published, message) = stripe.place(draft, now)?;
        if let Some(message) = message {
            self.sink.deliver(&channel, message);
        }
        Ok(published)
    }

    fn notebook(&self) -> MutexGuard<'_, Notebook> {
        self.notebook.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_now(&self, mut change: Change) -> Result<Changed, BackendError> {
        let now = (self.clock)();
        let mut notebook = self.notebook();
        match notebook.check(&change, now) {
            Err(Refusal::Other(note)) => return Ok(Changed::Refused(note)),
            Err(Refusal::Early(note)) => return Ok(Changed::Early(note)),
            Err(Refusal::Full) => return Err(BackendError::NotesFull),
            Ok(()) => {}
        }
        let published = change.draft.take().map(|draft| self.place(draft, now)).transpose()?;
        let Note { version, due, .. } = notebook.make(&change, now);
        Ok(Changed::Made { version, due, published })
    }
}

/// A stripe stays sound wherever a panic leaves it: each change is one insertion.
fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backend for MemoryBackend {
    fn guarantees(&self) -> Guarantees {
        Guarantees { durable: false, shared: false, replicates: false, may_fork: false }
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        if self.sink.overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        done(self.place(draft, (self.clock)()));
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        let stripe = self.stripe(channel);
        self.sink.deliver(channel, message);
        drop(stripe);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        let now = (self.clock)();
        let outcome = self.stripe(channel).read(channel, &query, now);
        done(outcome);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.stripe(channel).clear(channel);
        done(Ok(()));
    }

    fn listen(&self, _: &ChannelName, done: Completion<Result<(), BackendError>>) {
        done(Ok(()));
    }

    fn unlisten(&self, _: &ChannelName) {}

    fn signal(&self, _: &Recipient, _: Signal) {}
}

impl Notes for MemoryBackend {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        let note = self.notebook().get(key).cloned();
        done(Ok(note));
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        let wrong = change.draft.as_ref().is_some_and(|draft| draft.channel != change.key.channel);
        debug_assert!(!wrong, "a note and what is published with it have one channel");
        if self.sink.overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        done(self.change_now(change));
    }

    fn shares(&self) -> u16 {
        1
    }

    fn share_of(&self, _: &ChannelName) -> u16 {
        0
    }

    fn pending(&self, _: u16, window: Window, done: Completion<Result<Pending, BackendError>>) {
        let pending = self.notebook().pending(&window, (self.clock)());
        done(Ok(pending));
    }
}

#[cfg(test)]
mod tests;
