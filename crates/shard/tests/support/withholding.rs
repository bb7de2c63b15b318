//! A backend that answers when the test wants it to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};

type Held = Box<dyn FnOnce() + Send>;

/// Does what the backend behind it does, but may keep the answers about history for a while.
pub(crate) struct Withholding {
    behind: Arc<dyn Backend>,
    withholds: AtomicBool,
    held: Mutex<Vec<Held>>,
}

impl Withholding {
    pub(crate) fn new(behind: Arc<dyn Backend>) -> Self {
        Self { behind, withholds: AtomicBool::new(false), held: Mutex::default() }
    }

    /// From now on streams are read at once, but nobody is told.
    pub(crate) fn withhold(&self) {
        self.withholds.store(true, Ordering::SeqCst);
    }

    /// Gives all answers there are, and from now on each at once.
    pub(crate) fn relent(&self) {
        self.withholds.store(false, Ordering::SeqCst);
        self.answer();
    }

    /// How many wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.held.lock().expect("sound").len()
    }

    /// Gives all answers there are.
    pub(crate) fn answer(&self) {
        let held = std::mem::take(&mut *self.held.lock().expect("sound"));
        held.into_iter().for_each(|answer| answer());
    }
}

impl Backend for Withholding {
    fn guarantees(&self) -> Guarantees {
        self.behind.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.behind.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.behind.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        if !self.withholds.load(Ordering::SeqCst) {
            return self.behind.history(channel, query, done);
        }
        let read = Arc::new(Mutex::new(None));
        let reading = Arc::clone(&read);
        let note = Box::new(move |page| *reading.lock().expect("sound") = Some(page));
        self.behind.history(channel, query, note);
        let page = read.lock().expect("sound").take().expect("memory answers at once");
        self.held.lock().expect("sound").push(Box::new(move || done(page)));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.behind.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.behind.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.behind.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.behind.signal(to, signal);
    }
}
