//! A sink that writes down what it is told, and lets others wait for it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use trunkline_core::backend::Sink;
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::signal::Signal;

use crate::stage::DEADLINE;

thread_local! {
    /// Whether this thread is asking to listen.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Asks a backend to listen, which must not deliver before it returns.
pub(crate) fn asking_to_listen(ask: impl FnOnce()) {
    ASKING.set(true);
    ask();
    ASKING.set(false);
}

/// All that a node was told, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) messages: Vec<(ChannelName, Message)>,
    pub(crate) doubts: Vec<ChannelName>,
    pub(crate) signals: Vec<Signal>,
}

impl Notes {
    /// The publications of a channel.
    pub(crate) fn publications(&self, channel: &ChannelName) -> Vec<Arc<Publication>> {
        let here = self.messages.iter().filter(|(name, _)| name == channel);
        here.filter_map(|(_, message)| match message {
            Message::Publication(publication) => Some(Arc::clone(publication)),
            Message::Join(_) | Message::Leave(_) => None,
        })
        .collect()
    }

    /// How many messages there were in a channel.
    pub(crate) fn count(&self, channel: &ChannelName) -> usize {
        self.messages.iter().filter(|(name, _)| name == channel).count()
    }
}

/// The sink.
#[derive(Default)]
pub(crate) struct Recorder {
    notes: Mutex<Notes>,
    changed: Condvar,
    overloaded: AtomicBool,
}

impl Recorder {
    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    pub(crate) fn set_overloaded(&self, overloaded: bool) {
        self.overloaded.store(overloaded, Ordering::SeqCst);
    }

    /// What was noted so far.
    pub(crate) fn notes(&self) -> Notes {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until what was noted is as wanted, and gives it.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Notes) -> bool) -> Notes {
        let end = Instant::now() + DEADLINE;
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        while !holds(&notes) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let told = notes.messages.len();
                let doubts = &notes.doubts;
                panic!("within {DEADLINE:?}, never: {what}; {told} messages, doubts {doubts:?}");
            }
            let waited = self.changed.wait_timeout(notes, left);
            notes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        notes.clone()
    }
}

impl Sink for Recorder {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        assert!(!ASKING.get(), "{channel}: delivered by `listen`, which has not returned");
        self.note(|notes| notes.messages.push((channel.clone(), message)));
    }

    fn doubt(&self, channel: &ChannelName) {
        self.note(|notes| notes.doubts.push(channel.clone()));
    }

    fn receive(&self, signal: Signal) {
        self.note(|notes| notes.signals.push(signal));
    }

    fn overloaded(&self) -> bool {
        self.overloaded.load(Ordering::SeqCst)
    }
}
