//! Notes: all of them in memory, and every change of one a record of the log.
//!
//! A change counts from the moment its record is in the queue of the log, so that the next one is
//! compared with it; it is answered when the record is durable. Where something is published with it,
//! both records are one append, of which the log holds all or nothing. A change whose append fails for
//! want of room is taken back.
//!
//! Locked behind the stripe of its channel, if both are.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::backend::{BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Change, Changed, Note, NoteKey, Notes, Pending, Window};
use trunkline_core::notebook::{Notebook, Refusal};
use trunkline_core::time::WallTime;
use trunkline_wal::{Lsn, Record, WalError};

use crate::EmbeddedBackend;
use crate::record;
use crate::store::{Store, refusal};
use crate::stripe::{Op, Stripe, Told};

/// Versions of one session: more than any process makes.
const VERSIONS_BITS: u32 = 32;

/// Told whether a record is durable.
type OnDurable = Box<dyn FnOnce(Result<Lsn, WalError>) + Send>;

/// Told what came of a change.
pub(crate) type Done = Completion<Result<Changed, BackendError>>;

/// The notes, and which of them the index does not hold as they are.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) notes: Notebook,
    dirty: HashSet<NoteKey>,
}

/// A change that was made here and may have to be taken back.
pub(crate) struct Made {
    key: NoteKey,
    before: Option<Note>,
    version: u64,
    due: Option<WallTime>,
    /// Its record.
    pub(crate) bytes: Vec<u8>,
}

impl Book {
    /// The notes there are in this session. Those of `dirty` the index does not hold.
    pub(crate) fn new(mut notes: Notebook, dirty: HashSet<NoteKey>, session: u64) -> Self {
        notes.count_from(session << VERSIONS_BITS);
        Self { notes, dirty }
    }

    /// What the index is to hold from now on: a note, or none of that name.
    pub(crate) fn take_dirty(&mut self) -> Vec<(NoteKey, Option<Note>)> {
        let dirty = std::mem::take(&mut self.dirty).into_iter();
        dirty.map(|key| (key.clone(), self.notes.get(&key).cloned())).collect()
    }

    /// The index was not changed after all.
    pub(crate) fn still_dirty(&mut self, keys: impl IntoIterator<Item = NoteKey>) {
        self.dirty.extend(keys);
    }

    fn make(&mut self, change: &Change, session: u64, now: WallTime) -> Made {
        let before = self.notes.get(&change.key).cloned();
        let note = self.notes.make(change, now);
        self.dirty.insert(note.key.clone());
        let mut bytes = Vec::new();
        record::put_note(&mut bytes, session, &note, change.wanted.is_some());
        Made { key: note.key, before, version: note.version, due: note.due, bytes }
    }

    fn take_back(&mut self, made: &Made) {
        let now = self.notes.get(&made.key);
        // Whoever has changed it since has said what it is.
        if now.is_some_and(|now| now.version != made.version) {
            return;
        }
        match &made.before {
            Some(before) => self.notes.put(before.clone()),
            None => self.notes.remove(&made.key, made.version),
        }
        self.dirty.insert(made.key.clone());
    }
}

impl Made {
    fn told(&self, published: Option<Published>) -> Changed {
        Changed::Made { version: self.version, due: self.due, published }
    }
}

impl Store {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change that takes no place in a stream.
    fn change_alone(self: &Arc<Self>, mut change: Change, done: Done) {
        let now = self.now();
        let draft = change.draft.take();
        let mut book = self.book();
        if let Err(refused) = book.notes.check(&change, now) {
            drop(book);
            return done(verdict(refused));
        }
        let made = book.make(&change, self.sessions.now, now);
        let bytes = made.bytes.clone();
        let store = Arc::clone(self);
        let durable = move |result: Result<Lsn, WalError>| {
            store.applied(&result);
            match (result, draft) {
                (Err(error), _) => {
                    store.take_back(&made);
                    done(Err(refusal(&error)));
                }
                (Ok(_), None) => done(Ok(made.told(None))),
                (Ok(_), Some(draft)) => {
                    let told = move |published: Result<Published, _>| {
                        done(published.map(|published| made.told(Some(published))));
                    };
                    store.pass_on(draft, Box::new(told));
                }
            }
        };
        self.append_alone(book, &bytes, Box::new(durable));
    }

    /// Hands a record to the log while the book is locked, so that both have one order. An append
    /// that is refused at once is told like any other, when the book is open again.
    fn append_alone(&self, book: MutexGuard<'_, Book>, bytes: &[u8], durable: OnDurable) {
        let durable = Arc::new(Mutex::new(Some(durable)));
        let take = |durable: &Mutex<Option<_>>| {
            durable.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let later = Arc::clone(&durable);
        let on_durable = move |result| {
            if let Some(durable) = take(&later) {
                durable(result);
            }
        };
        let record = Record { kind: record::NOTE, bytes };
        let appended = self.wal.append(&[record], Box::new(on_durable));
        drop(book);
        if let Err(error) = appended
            && let Some(durable) = take(&durable)
        {
            durable(Err(error));
        }
    }

    /// Makes a change together with a publication that is kept: one append of the log.
    pub(crate) fn change_and_publish(
        self: &Arc<Self>,
        stripe: &mut Stripe,
        place: usize,
        channel: &ChannelName,
        mut change: Change,
        done: Done,
    ) -> Option<Told> {
        let now = self.now();
        let draft = change.draft.take()?;
        let mut book = self.book();
        if let Err(refused) = book.notes.check(&change, now) {
            return Some(Told::Changed(done, verdict(refused)));
        }
        let key = draft.idempotency_key.as_ref().map(|key| (channel.clone(), key.clone()));
        match key.map(|key| stripe.outcomes.look(&key, now)) {
            None | Some(None) => {}
            // Another publish with the same key is under way: what comes of it is not known yet.
            Some(Some(None)) => return Some(Told::Changed(done, Err(BackendError::Overloaded))),
            Some(Some(Some(published))) => {
                let made = book.make(&change, self.sessions.now, now);
                let (bytes, store) = (made.bytes.clone(), Arc::clone(self));
                let durable = move |result: Result<Lsn, WalError>| {
                    store.applied(&result);
                    match result {
                        Ok(_) => done(Ok(made.told(Some(published)))),
                        Err(error) => {
                            store.take_back(&made);
                            done(Err(refusal(&error)));
                        }
                    }
                };
                self.append_alone(book, &bytes, Box::new(durable));
                return None;
            }
        }
        let made = book.make(&change, self.sessions.now, now);
        let (bytes, store) = (made.bytes.clone(), Arc::clone(self));
        let told = move |published: Result<Published, BackendError>| match published {
            Ok(published) => done(Ok(made.told(Some(published)))),
            Err(error) => {
                store.take_back(&made);
                done(Err(error));
            }
        };
        let told = self.publish(stripe, place, channel, draft, Some(&bytes), Box::new(told));
        drop(book);
        told
    }

    fn take_back(&self, made: &Made) {
        self.book().take_back(made);
        self.taken_back.fetch_add(1, Ordering::AcqRel);
    }
}

fn verdict(refused: Refusal) -> Result<Changed, BackendError> {
    match refused {
        Refusal::Other(note) => Ok(Changed::Refused(note)),
        Refusal::Early(note) => Ok(Changed::Early(note)),
        Refusal::Full => Err(BackendError::NotesFull),
    }
}

impl Notes for EmbeddedBackend {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        let note = self.store.book().notes.get(key).cloned();
        done(Ok(note));
    }

    fn change(&self, change: Change, done: Done) {
        if self.store.is_over() {
            return done(Err(BackendError::Stopped));
        }
        if self.store.sink.overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        if change.draft.as_ref().is_some_and(|draft| draft.retention.is_some()) {
            let channel = change.key.channel.clone();
            self.store.submit(channel, Op::Change(Box::new(change), done));
        } else {
            self.store.change_alone(change, done);
        }
    }

    fn shares(&self) -> u16 {
        1
    }

    fn share_of(&self, _: &ChannelName) -> u16 {
        0
    }

    fn pending(&self, _: u16, window: Window, done: Completion<Result<Pending, BackendError>>) {
        let now = self.store.now();
        let pending = self.store.book().notes.pending(&window, now);
        done(Ok(pending));
    }
}
