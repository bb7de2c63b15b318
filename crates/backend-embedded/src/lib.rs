//! Durable streams in a data directory: the backend of a node that needs nothing else installed.
//!
//! A publication is placed in its stream, written to the log (`trunkline-wal`) and flushed together
//! with everything that came meanwhile; then it is delivered, and its publisher is told. Streams are
//! in memory as long as they are used and there is room. Every few seconds the index takes over what
//! they are, so that the log can be cut, and cold streams can leave memory and come back.
//!
//! ```text
//!  callers ── stripe: place, append ──> log ── flushed: push, deliver, tell ──> stripe
//!     └─ not in memory ──> loader ── reads ── index <── checkpoints ── keeper <── stripe
//! ```
//!
//! # Promises
//! - What was acknowledged, and is within retention, is there after every restart; so are epochs,
//!   offsets, tags, and the outcomes of publishes with an idempotency key.
//! - What was not acknowledged either is there from the next start on, or never.
//! - Nothing is delivered before it is durable, but where the namespace wants it so
//!   ([`Draft::early`]). Such a stream goes on under a new name after a crash, so that who saw what
//!   was lost is told.
//! - An epoch stands for one content. It is another if and only if that may have changed.
//! - A full disk refuses publications and nothing else. Any other error of the disk stops the
//!   backend.
//!
//! # Locks
//! One lock per stripe of channels. Under it a publication gets its place and enters the queue of
//! the log, so that both orders are the same; and under it, called by the thread of the log, it
//! enters the stream and is delivered. Nobody who holds it waits for a disk.
//!
//! # Files
//! | below the data directory | what |
//! |---|---|
//! | `lock`, `wal/` | the log's |
//! | `index.redb` | the index |
//! | `index.making`, `index.suspect`, `repairing` | there while it is made, after a flush of it has failed, while a repair is under way |
//! | `damaged-index.redb` | what a repair has set aside; never read again |
//!
//! | module | what |
//! |---|---|
//! | `name` | what histories are called |
//! | `pack`, `packed`, `record` | bytes: numbers, publications, records of the log |
//! | `hot`, `stripe`, `outcomes` | streams in memory, and what is under way in them |
//! | `store`, `acting` | what is shared; what is done with a stream |
//! | `loader` | the thread that reads from the index |
//! | `keeper`, `memory` | the thread that writes it, and bounds memory |
//! | `index` | the index |
//! | `notes` | small values beside channels |
//! | `open`, `replay`, `mod@repair` | putting a data directory in order: after a crash, after damage |
//!
//! [`Draft::early`]: trunkline_core::publication::Draft::early

mod acting;
mod error;
mod halt;
mod hot;
mod index;
mod keeper;
mod loader;
mod memory;
mod name;
mod notes;
mod open;
mod options;
mod outcomes;
mod pack;
mod packed;
mod record;
mod repair;
mod replay;
mod store;
mod stripe;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};
use trunkline_wal::files::Files;
use trunkline_wal::{Disk, Progress, Record};

use crate::halt::Halt;
use crate::keeper::{Bell, Keeper};
use crate::store::{Load, Store, refusal};
use crate::stripe::Op;

pub use error::OpenError;
pub use open::Opened;
pub use options::{Clock, Options};
pub use repair::{Cause, Repaired, repair, repair_with};

/// Streams in a data directory. Dropped without [`close`](Self::close), it flushes what waits, and
/// the next start is one after a crash.
pub struct EmbeddedBackend {
    store: Arc<Store>,
    bell: Arc<Bell>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    loader: JoinHandle<()>,
    keeper: JoinHandle<Keeper>,
}

impl EmbeddedBackend {
    /// Opens a data directory, or makes it. `on_failure` is called once, from any thread, should
    /// the disk fail: nothing is accepted from then on.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        data: &Path,
        options: Options,
        sink: Arc<dyn Sink>,
        clock: Clock,
        on_failure: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<(Self, Opened), OpenError> {
        Self::open_with(Disk, data, options, sink, clock, on_failure)
    }

    /// As [`open`](Self::open), on other files than those of the operating system.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(
        files: impl Files + Clone,
        data: &Path,
        options: Options,
        sink: Arc<dyn Sink>,
        clock: Clock,
        on_failure: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<(Self, Opened), OpenError> {
        open::open(files, data, options, sink, clock, Arc::new(Halt::new(on_failure)))
    }

    /// Trims streams by age, and asks for memory to be given back. To be called every few seconds;
    /// touches no disk.
    pub fn sweep(&self) {
        self.store.sweep();
    }

    /// Brings the index up to date now, as is done every few seconds anyway, gives back what memory
    /// it can, and forgets what may be forgotten. Waits for the disk; on a full one the index stays
    /// as it is.
    ///
    /// # Errors
    /// [`BackendError::Stopped`].
    pub fn checkpoint(&self) -> Result<(), BackendError> {
        if self.bell.checkpoint() { Ok(()) } else { Err(BackendError::Stopped) }
    }

    /// How far the log has come since it was opened.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.store.wal.progress()
    }

    /// Ends: accepts nothing more, flushes and completes what waits, brings the index up to date and
    /// notes in the log that all is well. The data directory stays locked until the backend is
    /// dropped.
    ///
    /// # Errors
    /// [`BackendError::Full`] if there was no room for that note: the next start is then one as
    /// after a crash. [`BackendError::Stopped`] if the backend had stopped before.
    pub fn close(&self) -> Result<(), BackendError> {
        let Some(mut keeper) = self.end() else { return Err(BackendError::Stopped) };
        let whole = keeper.finish();
        let noted = if whole { self.note_end() } else { Err(BackendError::Full) };
        let finished = self.store.wal.finish();
        noted?;
        finished.map_err(|error| refusal(&error))
    }

    fn note_end(&self) -> Result<(), BackendError> {
        let (tell, told) = channel();
        let bytes = self.store.sessions.now.to_le_bytes();
        let record = Record { kind: record::CLOSED, bytes: &bytes };
        let done = Box::new(move |result| {
            let _ = tell.send(result); // Who waits does so until it is told.
        });
        let appended = self.store.wal.append(&[record], done);
        let result =
            appended.and_then(|()| told.recv().unwrap_or(Err(trunkline_wal::WalError::Closed)));
        result.map(drop).map_err(|error| refusal(&error))
    }

    /// Ends the threads; none if they have been ended before, or have failed.
    fn end(&self) -> Option<Keeper> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.store.closing.store(true, Ordering::Release);
        let _ = self.store.loads.send(Load::Stop); // It has ended, if it cannot be told.
        self.bell.end();
        let loaded = threads.loader.join();
        let keeper = threads.keeper.join();
        loaded.ok()?;
        keeper.ok()
    }
}

impl Drop for EmbeddedBackend {
    fn drop(&mut self) {
        drop(self.end());
        // What had to be told has been, by on_failure.
        let _ = self.store.wal.finish();
    }
}

impl Backend for EmbeddedBackend {
    fn guarantees(&self) -> Guarantees {
        Guarantees { durable: true, shared: false, replicates: false, may_fork: false }
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        if self.store.is_over() {
            return done(Err(BackendError::Stopped));
        }
        if self.store.sink.overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        if draft.retention.is_none() {
            return self.store.pass_on(draft, done);
        }
        self.store.submit(draft.channel.clone(), Op::Publish(draft, done));
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.store.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.store.submit(channel.clone(), Op::Read(query, done));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.store.submit(channel.clone(), Op::Clear(done));
    }

    fn listen(&self, _: &ChannelName, done: Completion<Result<(), BackendError>>) {
        done(Ok(()));
    }

    fn unlisten(&self, _: &ChannelName) {}

    fn signal(&self, _: &Recipient, _: Signal) {}
}
