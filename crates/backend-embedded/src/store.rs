//! What the callers, the log's thread, the loader and the keeper share.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::backend::{BackendError, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Message;
use trunkline_core::time::WallTime;
use trunkline_wal::{Lock, StoreId, Wal, WalError};

use crate::halt::Halt;
use crate::hot::Sessions;
use crate::index::Index;
use crate::notes::Book;
use crate::options::{Clock, Options};
use crate::stripe::{Op, Slot, Stripe};

/// Locks the channels are spread over: more than there are threads to meet on one.
pub(crate) const STRIPES: usize = 64;

/// Operations that may wait for one stream to be read from the index: a burst of publishers, while
/// the disk takes a few milliseconds.
const WAITING_PER_STREAM: usize = 1_024;

/// Operations that may wait for streams to be read from the index: at 1 KiB each this is 64 MiB.
const WAITING: usize = 65_536;

/// What the loader is asked for.
pub(crate) enum Load {
    Stream(ChannelName),
    Stop,
}

/// The streams, the log and the index of a data directory.
pub(crate) struct Store {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) id: StoreId,
    pub(crate) sessions: Sessions,
    pub(crate) wal: Wal,
    pub(crate) index: Index,
    pub(crate) halt: Arc<Halt>,
    pub(crate) hasher: RandomState,
    pub(crate) stripes: Vec<Mutex<Stripe>>,
    /// Locked behind a stripe, if both are.
    pub(crate) book: Mutex<Book>,
    /// The generation of streams that begin.
    pub(crate) generation: AtomicU64,
    /// The last record of the log that has had its effect here.
    pub(crate) applied: AtomicU64,
    /// How often something delivered early was taken back.
    pub(crate) taken_back: AtomicU64,
    /// Operations that wait for a stream to be read.
    pub(crate) waiting: AtomicUsize,
    /// Streams take so much memory that nothing more may be kept.
    pub(crate) crowded: AtomicBool,
    /// Nothing more is taken in.
    pub(crate) closing: AtomicBool,
    pub(crate) loads: Sender<Load>,
    /// Held until the index is closed.
    pub(crate) _lock: Lock,
}

/// How a refusal of the log looks from outside.
pub(crate) fn refusal(error: &WalError) -> BackendError {
    match error {
        WalError::Overloaded { .. } => BackendError::Overloaded,
        // There is no room for it, be it on this disk or, too large, in any log.
        WalError::Full | WalError::TooLarge { .. } | WalError::Empty => BackendError::Full,
        WalError::Failed { .. } | WalError::Closed | WalError::BeyondDurable { .. } => {
            BackendError::Stopped
        }
    }
}

impl Store {
    pub(crate) fn now(&self) -> WallTime {
        (self.clock)()
    }

    /// The number of the stripe a channel is in.
    pub(crate) fn place_of(&self, channel: &ChannelName) -> usize {
        usize::try_from(self.hasher.hash_one(channel) % STRIPES as u64).unwrap_or(0)
    }

    /// Locks a stripe. It stays sound wherever a panic leaves it: each change is one insertion.
    pub(crate) fn lock(&self, place: usize) -> MutexGuard<'_, Stripe> {
        self.stripes[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is taken in any more.
    pub(crate) fn is_over(&self) -> bool {
        self.closing.load(Ordering::Acquire) || self.halt.is_stopped()
    }

    /// Does something with a stream: now if it is in memory, else once it is.
    pub(crate) fn submit(self: &Arc<Self>, channel: ChannelName, op: Op) {
        let place = self.place_of(&channel);
        let mut stripe = self.lock(place);
        let told = if self.is_over() {
            Some(op.refuse(BackendError::Stopped))
        } else {
            match stripe.slots.get_mut(&channel) {
                Some(Slot::Hot(_)) => self.act(&mut stripe, place, &channel, op),
                Some(Slot::Loading(waiting)) => {
                    let full = waiting.len() >= WAITING_PER_STREAM
                        || self.waiting.load(Ordering::Relaxed) >= WAITING;
                    if full {
                        Some(op.refuse(BackendError::Overloaded))
                    } else {
                        self.waiting.fetch_add(1, Ordering::Relaxed);
                        waiting.push_back(op);
                        None
                    }
                }
                None => self.begin_loading(&mut stripe, channel, op),
            }
        };
        drop(stripe);
        if let Some(told) = told {
            told.tell();
        }
    }

    fn begin_loading(
        &self,
        stripe: &mut Stripe,
        channel: ChannelName,
        op: Op,
    ) -> Option<crate::stripe::Told> {
        let crowded = self.crowded.load(Ordering::Relaxed);
        if crowded || self.waiting.load(Ordering::Relaxed) >= WAITING {
            return Some(op.refuse(BackendError::Overloaded));
        }
        if self.loads.send(Load::Stream(channel.clone())).is_err() {
            return Some(op.refuse(BackendError::Stopped));
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        stripe.slots.insert(channel, Slot::Loading([op].into()));
        None
    }

    /// Tells the subscribers of a channel something, in order with its publications.
    pub(crate) fn announce(&self, channel: &ChannelName, message: Message) {
        let stripe = self.lock(self.place_of(channel));
        self.sink.deliver(channel, message);
        drop(stripe);
    }

    /// Tells everyone who waits for a stream that it will not come.
    pub(crate) fn refuse_waiting(&self) {
        for place in 0..STRIPES {
            let mut stripe = self.lock(place);
            let mut refused = Vec::new();
            stripe.slots.retain(|_, slot| match slot {
                Slot::Hot(_) => true,
                Slot::Loading(waiting) => {
                    refused.extend(waiting.drain(..));
                    false
                }
            });
            drop(stripe);
            self.waiting.fetch_sub(refused.len(), Ordering::Relaxed);
            refused.into_iter().for_each(|op| op.refuse(BackendError::Stopped).tell());
        }
    }
}
