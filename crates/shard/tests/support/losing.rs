//! A way to the shards on which publications are lost when the test wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use trunkline_core::backend::Sink;
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Message;
use trunkline_core::signal::Signal;

/// Hands on what comes, but for publications that are to be lost.
pub(crate) struct Losing {
    behind: Arc<dyn Sink>,
    /// One publication of so many is lost; 0 for none.
    one_of: AtomicU64,
    came: AtomicU64,
    lost: AtomicUsize,
}

impl Losing {
    pub(crate) fn new(behind: Arc<dyn Sink>) -> Self {
        let (one_of, came) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { behind, one_of, came, lost: AtomicUsize::new(0) }
    }

    /// From now on one publication of so many is lost, or none where it is 0.
    pub(crate) fn lose_one_of(&self, many: u64) {
        self.one_of.store(many, Ordering::SeqCst);
    }

    /// How many were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Sink for Losing {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        let one_of = self.one_of.load(Ordering::SeqCst);
        if matches!(message, Message::Publication(_)) && one_of > 0 {
            let nth = self.came.fetch_add(1, Ordering::SeqCst);
            if nth.is_multiple_of(one_of) {
                self.lost.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
        self.behind.deliver(channel, message);
    }

    fn doubt(&self, channel: &ChannelName) {
        self.behind.doubt(channel);
    }

    fn receive(&self, signal: Signal) {
        self.behind.receive(signal);
    }

    fn overloaded(&self) -> bool {
        self.behind.overloaded()
    }
}
