//! What several nodes share: a backend in memory whose clock can be moved, and which can be out of
//! reach, or lose its answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::note::{Change, Changed, Note, NoteKey, Notes, Pending, Window};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};
use trunkline_core::time::WallTime;

use crate::receiver::until;

struct Deaf;

impl Sink for Deaf {
    fn deliver(&self, _: &ChannelName, _: Message) {}
    fn doubt(&self, _: &ChannelName) {}
    fn receive(&self, _: Signal) {}
    fn overloaded(&self) -> bool {
        false
    }
}

/// The broker.
pub(crate) struct Broker {
    memory: MemoryBackend,
    ahead_ms: Arc<AtomicU64>,
}

/// One node's way to it.
pub(crate) struct Link {
    broker: Arc<Broker>,
    shared: bool,
    /// Nothing gets there.
    pub(crate) cut: AtomicBool,
    /// Changes of notes are made, and nobody hears of it: one in so many, as a seed decides.
    losing: Mutex<Option<(u64, u64)>>,
    /// How often what is due was looked at.
    looks: AtomicU64,
}

impl Broker {
    pub(crate) fn new() -> Arc<Self> {
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let ahead = Arc::clone(&ahead_ms);
        let clock = move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
            WallTime(u64::try_from(now).unwrap() + ahead.load(Ordering::Relaxed))
        };
        let memory = MemoryBackend::new(Arc::new(Deaf), Box::new(clock));
        Arc::new(Self { memory, ahead_ms })
    }

    /// Time passes, for the broker.
    pub(crate) fn pass(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Waits until what a receiver was sent is noted as taken: whoever goes on sends none of it again.
    pub(crate) async fn until_noted(&self, receiver: &str) {
        let progress = || self.note(&format!("hook:{receiver}")).unwrap_or_default();
        let noted = || {
            let progress = progress();
            progress.contains("\"reached\"") && !progress.contains("\"trying\"")
        };
        until("it is noted", noted, progress).await;
    }

    /// What a note of the outbox says, if there is one.
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        let channel = ChannelName::parse("$$webhooks").unwrap();
        let key = NoteKey { channel, name: name.into() };
        let (answer, found) = std::sync::mpsc::channel();
        self.memory.read(&key, Box::new(move |note| answer.send(note).unwrap()));
        let note = found.recv().unwrap().unwrap();
        note.map(|note| String::from_utf8_lossy(&note.value).into_owned())
    }

    /// A way to it; as one of several nodes, or alone.
    pub(crate) fn link(self: &Arc<Self>, shared: bool) -> Arc<Link> {
        let (cut, losing) = (AtomicBool::new(false), Mutex::new(None));
        let looks = AtomicU64::new(0);
        Arc::new(Link { broker: Arc::clone(self), shared, cut, losing, looks })
    }
}

impl Link {
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    /// Loses one answer in `in_so_many` from now on.
    pub(crate) fn lose(&self, seed: u64, in_so_many: u64) {
        *self.losing.lock().unwrap() = Some((seed | 1, in_so_many));
    }

    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// Xorshift: Marsaglia, 2003.
    fn loses(&self) -> bool {
        let mut losing = self.losing.lock().unwrap();
        let Some((state, in_so_many)) = losing.as_mut() else { return false };
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        state.is_multiple_of(*in_so_many)
    }
}

impl Backend for Link {
    fn guarantees(&self) -> Guarantees {
        Guarantees { shared: self.shared, ..self.broker.memory.guarantees() }
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.broker.memory.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.broker.memory.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        if self.is_cut() {
            return done(Err(BackendError::Unavailable));
        }
        self.broker.memory.history(channel, query, done);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.broker.memory.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.broker.memory.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.broker.memory.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.broker.memory.signal(to, signal);
    }
}

impl Notes for Link {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        if self.is_cut() {
            return done(Err(BackendError::Unavailable));
        }
        self.broker.memory.read(key, done);
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        if self.is_cut() {
            return done(Err(BackendError::Unavailable));
        }
        if self.loses() {
            self.broker.memory.change(change, Box::new(drop));
            return done(Err(BackendError::Unavailable));
        }
        self.broker.memory.change(change, done);
    }

    fn shares(&self) -> u16 {
        self.broker.memory.shares()
    }

    fn share_of(&self, channel: &ChannelName) -> u16 {
        self.broker.memory.share_of(channel)
    }

    fn pending(&self, share: u16, window: Window, done: Completion<Result<Pending, BackendError>>) {
        if self.is_cut() {
            return done(Err(BackendError::Unavailable));
        }
        self.broker.memory.pending(share, window, done);
        self.looks.fetch_add(1, Ordering::Relaxed);
    }
}
