//! What waits to be written: frames that fill up while the one before is being flushed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::WalError;
use crate::frame::{Draft, RECORD_HEAD};
use crate::options::Options;
use crate::record::{Lsn, Record};

/// Called once, from a thread of the log, when the fate of an append is known: the number of its
/// first record, which is on disk, or why there is none. It must be quick: the log waits for it.
pub type OnDurable = Box<dyn FnOnce(Result<Lsn, WalError>) + Send>;

/// Bytes that an append counts beyond its records: about what it costs to keep while it waits.
pub(crate) const APPEND_COST: usize = 64;

/// Buffers of written frames that are kept to be filled again: one being written, one filling.
const KEPT_BUFFERS: usize = 2;

/// Appends that become one frame.
pub(crate) struct Batch {
    pub(crate) draft: Draft,
    /// Each append: the place of its first record, and whom to tell.
    pub(crate) waiting: Vec<(u32, OnDurable)>,
    cost: usize,
}

/// What waits, and whether more may come.
pub(crate) struct Queue {
    state: Mutex<State>,
    stirred: Condvar,
    record_bytes: usize,
    append_bytes: usize,
    batch_bytes: usize,
    batch_records: usize,
    queue_bytes: usize,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// Cost of everything that waits or is being written.
    cost: usize,
    buffers: Vec<Vec<u8>>,
    idle: bool,
    closing: bool,
    /// A batch found no room, and not everyone it concerns has been told yet.
    full: bool,
    failure: Option<WalError>,
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::default(),
            stirred: Condvar::new(),
            record_bytes: options.record_bytes,
            append_bytes: options.append_bytes(),
            batch_bytes: options.batch_bytes,
            batch_records: options.batch_records,
            queue_bytes: options.queue_bytes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts records into the frame that is filling, all or none.
    pub(crate) fn push(
        &self,
        records: &[Record<'_>],
        on_durable: OnDurable,
    ) -> Result<(), WalError> {
        let size = self.size(records)?;
        let cost = size + APPEND_COST;
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if state.closing {
            return Err(WalError::Closed);
        }
        if state.full {
            return Err(WalError::Full);
        }
        if state.cost + cost > self.queue_bytes {
            return Err(WalError::Overloaded { queued: state.cost, limit: self.queue_bytes });
        }
        let fits = state.batches.back().is_some_and(|batch| {
            batch.draft.body() + size <= self.batch_bytes
                && batch.draft.count() as usize + records.len() <= self.batch_records
        });
        if !fits {
            let draft = Draft::new(state.buffers.pop().unwrap_or_default());
            state.batches.push_back(Batch { draft, waiting: Vec::new(), cost: 0 });
        }
        state.cost += cost;
        let idle = state.idle;
        if let Some(batch) = state.batches.back_mut() {
            batch.cost += cost;
            batch.waiting.push((batch.draft.count(), on_durable));
            records.iter().for_each(|record| batch.draft.push(*record));
        }
        drop(state);
        if idle {
            self.stirred.notify_one();
        }
        Ok(())
    }

    /// Bytes of the records in a frame, if they are allowed.
    fn size(&self, records: &[Record<'_>]) -> Result<usize, WalError> {
        let too_large = |size, limit, unit| Err(WalError::TooLarge { size, limit, unit });
        if records.is_empty() {
            return Err(WalError::Empty);
        }
        if records.len() > self.batch_records {
            return too_large(records.len(), self.batch_records, "records");
        }
        let largest = records.iter().map(|record| record.bytes.len()).max().unwrap_or(0);
        if largest > self.record_bytes {
            return too_large(largest, self.record_bytes, "bytes");
        }
        let size = records.iter().map(|record| RECORD_HEAD + record.bytes.len()).sum();
        if size > self.append_bytes {
            return too_large(size, self.append_bytes, "bytes");
        }
        Ok(size)
    }

    /// Waits for the next batch; none when the log is closed and everything is written, or when it
    /// has failed.
    pub(crate) fn take(&self) -> Option<Batch> {
        let mut state = self.state();
        loop {
            if state.failure.is_some() {
                return None;
            }
            if let Some(batch) = state.batches.pop_front() {
                state.idle = false;
                return Some(batch);
            }
            if state.closing {
                return None;
            }
            state.idle = true;
            state = self.stirred.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives back what a batch took.
    pub(crate) fn done(&self, draft: Draft, cost: usize) {
        let buffer = draft.into_buffer();
        let mut state = self.state();
        state.cost -= cost;
        if state.buffers.len() < KEPT_BUFFERS && buffer.capacity() <= self.batch_bytes * 2 {
            state.buffers.push(buffer);
        }
    }

    /// Takes everything that waits behind a batch that found no room, and refuses what comes until
    /// [`Queue::resume`]: no append succeeds whose sender has not heard of an earlier one's failure.
    pub(crate) fn refuse(&self) -> Vec<Batch> {
        let mut state = self.state();
        state.full = true;
        state.batches.drain(..).collect()
    }

    /// Everyone has been told that there was no room: what comes now is tried again.
    pub(crate) fn resume(&self) {
        self.state().full = false;
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.state().batches.is_empty()
    }

    pub(crate) fn is_refusing(&self) -> bool {
        self.state().full
    }

    /// Takes no more appends.
    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.stirred.notify_all();
    }

    /// Stops for good; true for the first failure, which is the one that is kept.
    pub(crate) fn fail(&self, failure: WalError) -> bool {
        let mut state = self.state();
        let first = state.failure.is_none();
        state.failure.get_or_insert(failure);
        drop(state);
        self.stirred.notify_all();
        first
    }

    pub(crate) fn failure(&self) -> Option<WalError> {
        self.state().failure.clone()
    }

    /// Everything that still waits after a failure.
    pub(crate) fn drain(&self) -> Vec<Batch> {
        self.state().batches.drain(..).collect()
    }
}

impl Batch {
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Tells every append, in order. One that panics does not take the others with it.
    pub(crate) fn complete(&mut self, result: &Result<Lsn, WalError>) {
        for (place, on_durable) in self.waiting.drain(..) {
            let result = result.clone().map(|first| first.plus(u64::from(place)));
            let told = std::panic::AssertUnwindSafe(move || on_durable(result));
            if std::panic::catch_unwind(told).is_err() {
                tracing::error!("what was to be done after an append panicked");
            }
        }
    }
}
