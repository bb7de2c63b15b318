//! Telling appends what has become of them, while the next batch is being flushed.
//!
//! Those who are told do work: they deliver, and they answer. That takes about as long as a flush
//! where the disk is fast and batches are large, so a thread of its own does it, in the order of the
//! log. Where nothing waits to be written, the thread that writes has nothing better to do and
//! tells them itself: a lone append is not handed from thread to thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle, ThreadId};

use crate::error::WalError;
use crate::queue::{Batch, Queue};
use crate::record::Lsn;
use crate::writer::Shared;

/// Batches that may wait to be told. The thread that writes waits when there are more: appends pile
/// up in the queue then, which has its own bound.
const BATCHES: usize = 4;

/// Something to tell.
enum Word {
    /// What has become of a batch.
    Fate(Batch, Result<Lsn, WalError>),
    /// Everyone has been told that there was no room.
    Resume,
}

/// The thread that tells, as the thread that writes knows it.
pub(crate) struct Teller {
    shared: Arc<Shared>,
    words: SyncSender<Word>,
    /// Words that are not told to the end.
    waiting: Arc<AtomicUsize>,
    telling: JoinHandle<()>,
}

impl Teller {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (words, told) = sync_channel(BATCHES);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (its_own, left) = (Arc::clone(&shared), Arc::clone(&waiting));
        let telling = thread::Builder::new()
            .name("wal-tell".into())
            .spawn(move || run(&its_own.queue, &told, &left))?;
        Ok(Self { shared, words, waiting, telling })
    }

    /// The thread's identity.
    pub(crate) fn id(&self) -> ThreadId {
        self.telling.thread().id()
    }

    /// Tells the appends of a batch, after all before it: now, or soon.
    pub(crate) fn tell(&self, batch: Batch, result: Result<Lsn, WalError>) {
        self.say(Word::Fate(batch, result));
    }

    /// Lets appends in again, once everyone before has been told.
    pub(crate) fn resume(&self) {
        self.say(Word::Resume);
    }

    fn say(&self, word: Word) {
        let queue = &self.shared.queue;
        // Only this thread adds to what waits: where nothing does, nothing comes before the word.
        if self.waiting.load(Ordering::Acquire) == 0 && queue.is_empty() {
            return act(queue, word);
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if let Err(refused) = self.words.send(word) {
            // The thread is gone, which it never is while this one runs.
            act(queue, refused.0);
        }
    }

    /// Waits until everything is told.
    pub(crate) fn finish(self) {
        drop(self.words);
        if self.telling.join().is_err() {
            tracing::error!("the thread that tells panicked");
        }
    }
}

fn run(queue: &Queue, words: &Receiver<Word>, waiting: &AtomicUsize) {
    for word in words {
        act(queue, word);
        waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

fn act(queue: &Queue, word: Word) {
    match word {
        Word::Fate(mut batch, result) => {
            batch.complete(&result);
            let cost = batch.cost();
            queue.done(batch.draft, cost);
        }
        Word::Resume => queue.resume(),
    }
}
