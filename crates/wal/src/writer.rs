//! The one thread that writes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{WalError, is_full, not_full};
use crate::files::StoredFile;
use crate::frame::{self, Draft, Seal};
use crate::open::Lock;
use crate::options::OnFailure;
use crate::queue::{Batch, Queue};
use crate::record::{Lsn, StoreId};
use crate::segment::{HEADER, Header};
use crate::shelf::{Closed, Shelf};
use crate::teller::Teller;

/// What the thread and the handles of the log share.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) shelf: Shelf,
    /// The last record on disk.
    pub(crate) durable: AtomicU64,
    /// Batches flushed since the log was opened.
    pub(crate) batches: AtomicU64,
    /// Bytes of these batches.
    pub(crate) bytes: AtomicU64,
    pub(crate) on_failure: Option<OnFailure>,
}

impl Shared {
    /// Stops the log. The owner is told before anyone who waits.
    pub(crate) fn fail(&self, what: &dyn std::fmt::Display) -> WalError {
        let failure = WalError::Failed { reason: what.to_string().into() };
        if self.queue.fail(failure.clone()) {
            tracing::error!(%failure, "the log stops");
            if let Some(told) = &self.on_failure {
                let told = AssertUnwindSafe(|| told(&failure));
                if catch_unwind(told).is_err() {
                    tracing::error!("what was to be done after the log stopped panicked");
                }
            }
        }
        failure
    }
}

/// Writes batches into segments.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: StoreId,
    /// Bytes of a new segment.
    pub(crate) capacity: u64,
    /// The segment that takes frames.
    pub(crate) file: Box<dyn StoredFile>,
    pub(crate) header: Header,
    /// Where its next frame begins.
    pub(crate) end: u64,
    /// Number of the next record.
    pub(crate) next: Lsn,
    /// Held until nothing more is written.
    pub(crate) _lock: Lock,
}

impl Writer {
    /// Writes what comes until the log is closed or fails; then tells everyone who still waits.
    pub(crate) fn run(mut self, teller: Teller) {
        let shared = Arc::clone(&self.shared);
        while let Some(mut batch) = shared.queue.take() {
            let count = u64::from(batch.draft.count());
            let written = catch_unwind(AssertUnwindSafe(|| self.write(&mut batch)))
                .unwrap_or_else(|_| Err(io::Error::other("the thread that writes panicked")));
            let result = match written {
                Ok(first) => {
                    shared.durable.store(first.plus(count).before().0, Ordering::Release);
                    Ok(first)
                }
                Err(error) if is_full(&error) => Err(WalError::Full),
                Err(error) => Err(shared.fail(&error)),
            };
            let full = result == Err(WalError::Full);
            let behind = if full { shared.queue.refuse() } else { Vec::new() };
            for batch in std::iter::once(batch).chain(behind) {
                teller.tell(batch, result.clone());
            }
            if full {
                teller.resume();
            }
        }
        if let Some(failure) = shared.queue.failure() {
            for batch in shared.queue.drain() {
                teller.tell(batch, Err(failure.clone()));
            }
        }
        teller.finish();
    }

    /// Puts a batch on disk and returns the number of its first record. An error that is "full" has
    /// left nothing behind that could be taken for the batch.
    fn write(&mut self, batch: &mut Batch) -> io::Result<Lsn> {
        let length = batch.draft.frame_len() as u64;
        if self.end + length + frame::HEAD as u64 > self.header.capacity {
            self.change_segment()?;
        }
        let first = self.next;
        self.put(&mut batch.draft, first)?;
        self.end += length;
        self.next = first.plus(u64::from(batch.draft.count()));
        self.shared.batches.fetch_add(1, Ordering::Relaxed);
        self.shared.bytes.fetch_add(length, Ordering::Relaxed);
        Ok(first)
    }

    fn put(&self, draft: &mut Draft, first: Lsn) -> io::Result<()> {
        let length = draft.frame_len();
        let bytes = draft.seal(Seal::new(self.store, self.header.number), self.end, first);
        match self.file.write_at(self.end, bytes) {
            Ok(()) => self.file.sync_data().map_err(not_full),
            Err(error) if is_full(&error) => {
                // Part of the frame may have been written, and the next batch will overwrite it. But
                // in a file that was used before, the bytes that found no room may happen to stand
                // there already; then the frame is whole, and saying "not done" would be untrue.
                let mut there = vec![0; length];
                self.file.read_at(self.end, &mut there)?;
                if there == bytes[..length] { Err(not_full(error)) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    fn change_segment(&mut self) -> io::Result<()> {
        let header = Header {
            store: self.store,
            number: self.header.number + 1,
            first: self.next,
            previous_end: self.end,
            capacity: self.capacity,
        };
        self.file = self.shared.shelf.new_segment(&header)?;
        self.shared.shelf.close(Closed { number: self.header.number, last: self.next.before() });
        self.header = header;
        self.end = HEADER as u64;
        tracing::debug!(segment = header.number, first = header.first.0, "the log goes on");
        Ok(())
    }
}
