//! The handle of an open log.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use crate::error::{OpenError, WalError, io_at, is_full};
use crate::files::Files;
use crate::marker::Marker;
use crate::open::{self, Lock, Recovered};
use crate::options::Options;
use crate::queue::OnDurable;
use crate::record::{Lsn, Record};
use crate::teller::Teller;
use crate::writer::Shared;

/// An open log. Dropping it flushes what waits, as [`close`](Self::close) does.
pub struct Wal {
    shared: Arc<Shared>,
    /// Held while a checkpoint is moved, so that they move one after another.
    marker: Mutex<Marker>,
    writing: Mutex<Option<JoinHandle<()>>>,
    telling: ThreadId,
}

/// How far a log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last record on disk.
    pub durable: Lsn,
    /// Batches flushed since the log was opened.
    pub batches: u64,
    /// Bytes of these batches.
    pub bytes: u64,
    /// A batch found no room, and not everyone it concerns has been told yet: until then, every
    /// append is refused with [`WalError::Full`].
    pub refusing: bool,
}

impl Wal {
    /// Opens the log in a data directory, or makes it, and hands every record behind the checkpoint
    /// to `replay`, in order.
    ///
    /// # Errors
    /// See [`OpenError`]. After [`OpenError::Damaged`] or [`OpenError::Missing`] records may have
    /// been replayed already: what was built from them is to be thrown away.
    pub fn open(
        data: &Path,
        options: Options,
        files: impl Files,
        replay: &mut dyn FnMut(Lsn, Record<'_>),
    ) -> Result<(Self, Recovered), OpenError> {
        let lock = Lock::take(data, &files)?;
        Self::open_locked(lock, data, options, files, replay)
    }

    /// As [`open`](Self::open), for one who holds the lock of the data directory already. The log
    /// keeps it until it is closed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_locked(
        lock: Lock,
        data: &Path,
        options: Options,
        files: impl Files,
        replay: &mut dyn FnMut(Lsn, Record<'_>),
    ) -> Result<(Self, Recovered), OpenError> {
        let files: Arc<dyn Files> = Arc::new(files);
        let opened = open::open(lock, data, &options, &files, replay)?;
        drop(options);
        let shared = Arc::clone(&opened.writer.shared);
        let writer = opened.writer;
        let teller = Teller::start(Arc::clone(&shared))
            .map_err(io_at("start the thread that tells", data))?;
        let telling = teller.id();
        let writing = thread::Builder::new()
            .name("wal".into())
            .spawn(move || writer.run(teller))
            .map_err(io_at("start the thread that writes", data))?;
        let marker = Mutex::new(opened.marker);
        let wal = Self { shared, marker, writing: Mutex::new(Some(writing)), telling };
        tracing::info!(
            checkpoint = opened.recovered.checkpoint.0,
            next = opened.recovered.next.0,
            "the log is open"
        );
        Ok((wal, opened.recovered))
    }

    /// Appends records: all of them, next to each other, or none. Returns at once; `on_durable` is
    /// called, from a thread of the log, when they are on disk or will not be. Appends of one
    /// thread keep their order. The bytes are copied.
    ///
    /// # Errors
    /// An append that is refused at once is not done at all, and `on_durable` is never called.
    pub fn append(&self, records: &[Record<'_>], on_durable: OnDurable) -> Result<(), WalError> {
        self.shared.queue.push(records, on_durable)
    }

    /// Declares the records up to `lsn` as no longer needed, and frees the segments that hold only
    /// such. When this returns, they will not be replayed any more. One that goes back does
    /// nothing. Waits for the disk; what is appended meanwhile is not held up.
    ///
    /// # Errors
    /// [`WalError::BeyondDurable`] and [`WalError::Full`] leave the old checkpoint; any I/O error
    /// stops the log.
    pub fn checkpoint(&self, lsn: Lsn) -> Result<(), WalError> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let durable = self.progress().durable;
        if lsn > durable {
            return Err(WalError::BeyondDurable { lsn, durable });
        }
        let mut marker = self.marker.lock().unwrap_or_else(PoisonError::into_inner);
        if lsn <= marker.lsn {
            return Ok(());
        }
        match marker.advance(lsn) {
            Ok(()) => {}
            Err(error) if is_full(&error) => return Err(WalError::Full),
            Err(error) => return Err(self.shared.fail(&error)),
        }
        self.shared.shelf.release(lsn).map_err(|error| self.shared.fail(&error))
    }

    /// How far the log has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            durable: Lsn(self.shared.durable.load(Ordering::Acquire)),
            batches: self.shared.batches.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
            refusing: self.shared.queue.is_refusing(),
        }
    }

    /// Why the log has stopped, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<WalError> {
        self.shared.queue.failure()
    }

    /// Flushes what waits, completes it, and ends.
    ///
    /// # Errors
    /// [`WalError::Failed`] if the log has stopped before.
    pub fn close(self) -> Result<(), WalError> {
        self.finish()
    }

    /// As [`close`](Self::close), for a log that is shared: appends that come later are refused.
    ///
    /// # Errors
    /// [`WalError::Failed`] if the log has stopped before.
    pub fn finish(&self) -> Result<(), WalError> {
        self.shared.queue.close();
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Called by what is done after an append, that is by one of the threads that are to end: they
        // do so on their own.
        let here = thread::current().id();
        let own = |writing: &JoinHandle<()>| here == writing.thread().id() || here == self.telling;
        let other = writing.filter(|writing| !own(writing));
        if other.is_some_and(|writing| writing.join().is_err()) {
            tracing::error!("the thread that writes panicked");
        }
        self.failure().map_or(Ok(()), Err)
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        // Who wants to know has closed it before.
        let _ = self.finish();
    }
}
