//! A backend whose streams go on under another name, as those of Redis do after a failover.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{Ancestor, HistoryPage, HistoryQuery};
use trunkline_core::position::Epoch;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};

/// The backend.
pub(crate) struct Renaming {
    memory: Arc<MemoryBackend>,
    /// Behind which offset streams have another name; 0 while they have none.
    parted_at: AtomicU64,
}

impl Renaming {
    pub(crate) fn new(memory: Arc<MemoryBackend>) -> Arc<Self> {
        Arc::new(Self { memory, parted_at: AtomicU64::new(0) })
    }

    /// From here on they have.
    pub(crate) fn rename(&self, parted_at: u64) {
        self.parted_at.store(parted_at, Ordering::Relaxed);
    }
}

impl Backend for Renaming {
    fn guarantees(&self) -> Guarantees {
        self.memory.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.memory.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.memory.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        let shared = self.parted_at.load(Ordering::Relaxed);
        let renamed = move |page: HistoryPage| {
            if page.top.offset <= shared || shared == 0 {
                return page;
            }
            let mut top = page.top;
            let ancestors = [Ancestor { epoch: top.epoch, shared }].into();
            top.epoch = Epoch::new("another");
            HistoryPage { top, ancestors, ..page }
        };
        let done = move |page: Result<HistoryPage, _>| done(page.map(renamed));
        self.memory.history(channel, query, Box::new(done));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.memory.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.memory.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.memory.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.memory.signal(to, signal);
    }
}
