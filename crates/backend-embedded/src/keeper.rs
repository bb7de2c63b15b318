//! The thread that keeps the index up to date, memory bounded and the log short.

use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use trunkline_core::channel::ChannelName;
use trunkline_core::note::NoteKey;
use trunkline_wal::{Lsn, Record, WalError};

use crate::hot::Saved;
use crate::index::{IndexError, OutcomeRow, Saving, StreamChange, System};
use crate::record;
use crate::store::{STRIPES, Store};
use crate::stripe::Slot;

/// How often it looks around, in milliseconds: short against the seconds in which memory fills.
const ROUND_MS: u64 = 250;

/// Streams whose changes are taken under one hold of a lock: a few microseconds each.
const AT_ONCE: usize = 16;

/// How the thread is told to do something now, or to end.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<Rung>,
    stirred: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Rung {
    end: bool,
    ended: bool,
    /// Checkpoints asked for, and done.
    asked: u64,
    done: u64,
}

impl Bell {
    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Rung)) {
        change(&mut self.rung());
        self.stirred.notify_all();
    }

    /// Ends the thread.
    pub(crate) fn end(&self) {
        self.set(|rung| rung.end = true);
    }

    /// Asks for a checkpoint and waits until it has been tried; false if nobody makes any.
    pub(crate) fn checkpoint(&self) -> bool {
        let mut mine = 0;
        self.set(|rung| {
            rung.asked += 1;
            mine = rung.asked;
        });
        let waits = |rung: &mut Rung| rung.done < mine && !rung.ended;
        let rung = self.stirred.wait_while(self.rung(), waits);
        rung.unwrap_or_else(PoisonError::into_inner).done >= mine
    }

    fn wait(&self) -> Rung {
        let round = Duration::from_millis(ROUND_MS);
        let quiet = |rung: &mut Rung| !rung.end && rung.asked == rung.done;
        let heard = self.stirred.wait_timeout_while(self.rung(), round, quiet);
        *heard.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// How far the index is.
pub(crate) struct Keeper {
    store: Arc<Store>,
    pub(crate) system: System,
    /// Saved, but the disk has had no room for it; the log is needed until it has.
    unsettled: Option<Lsn>,
    /// How often something had been taken back when the index was last saved.
    covered: u64,
    /// Whether it was said that there is no room.
    told_full: bool,
    last: Instant,
    /// Bytes the log had written then.
    last_bytes: u64,
    /// Where the search for streams to be forgotten goes on, and when.
    pub(crate) cursor: String,
    pub(crate) next_forgetting: Instant,
}

/// What a checkpoint has taken out of memory, to be put back if it is not made.
#[derive(Default)]
struct Taken {
    streams: Vec<(usize, ChannelName, Option<Saved>)>,
    outcomes: Vec<(usize, Vec<(u64, OutcomeRow)>)>,
    notes: Vec<NoteKey>,
    /// Something delivered early was among it that is not known to be durable.
    ahead: bool,
}

/// Why a checkpoint was not made.
enum Not {
    /// Another attempt may succeed.
    Now,
    Ever(IndexError),
}

impl From<IndexError> for Not {
    fn from(error: IndexError) -> Self {
        Self::Ever(error)
    }
}

impl Keeper {
    pub(crate) fn new(store: Arc<Store>, system: System) -> Self {
        let now = Instant::now();
        Self {
            store,
            system,
            unsettled: None,
            covered: 0,
            told_full: false,
            last: now,
            last_bytes: 0,
            cursor: String::new(),
            next_forgetting: now,
        }
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Works until it is told to end.
    pub(crate) fn run(mut self, bell: &Bell) -> Self {
        loop {
            let heard = bell.wait();
            if heard.end || self.store.halt.is_stopped() {
                bell.set(|rung| rung.ended = true);
                return self;
            }
            let asked = heard.asked > heard.done;
            let crowded = self.evict();
            if asked || crowded || self.is_due() {
                self.checkpoint();
                self.evict();
            }
            if asked {
                self.next_forgetting = Instant::now();
            }
            self.forget();
            bell.set(|rung| rung.done = heard.asked);
        }
    }

    fn is_due(&self) -> bool {
        let options = &self.store.options;
        let bytes = self.store.wal.progress().bytes - self.last_bytes;
        let long_ago = self.last.elapsed() >= Duration::from_millis(options.checkpoint_ms);
        let changed = self.store.applied.load(Ordering::Acquire) > self.system.lsn;
        bytes >= options.checkpoint_bytes || (long_ago && (changed || self.unsettled.is_some()))
    }

    /// Brings the index up to date, and frees what the log no longer needs.
    pub(crate) fn checkpoint(&mut self) {
        if self.store.halt.is_stopped() {
            return;
        }
        self.last = Instant::now();
        match self.try_checkpoint() {
            Ok(()) | Err(Not::Now) => {}
            Err(Not::Ever(error)) => {
                let file = self.store.index.path();
                self.store.halt.stop(&format!("{}: {error}", file.display()));
                self.store.refuse_waiting();
            }
        }
    }

    fn try_checkpoint(&mut self) -> Result<(), Not> {
        if !self.settle()? {
            return Ok(());
        }
        self.last_bytes = self.store.wal.progress().bytes;
        let lsn = self.store.applied.load(Ordering::Acquire);
        let taken_back = self.store.taken_back.load(Ordering::Acquire);
        let mut taken = Taken::default();
        let mut system = System { lsn: lsn.max(self.system.lsn), ..self.system.clone() };
        let saved = self.save(&mut system, &mut taken, taken_back);
        match saved {
            Ok(()) => {
                self.system = system;
                self.unsettled = Some(Lsn(self.system.lsn));
                self.covered = taken_back;
                self.settle()?;
                Ok(())
            }
            Err(error) => {
                self.put_back(taken);
                Err(error)
            }
        }
    }

    fn save(&self, system: &mut System, taken: &mut Taken, taken_back: u64) -> Result<(), Not> {
        let store = &self.store;
        let saving = store.index.save()?;
        for place in 0..STRIPES {
            let (mut dirty, outcomes) = {
                let mut stripe = store.lock(place);
                (std::mem::take(&mut stripe.dirty), stripe.outcomes.take_unsaved())
            };
            saving.outcomes(&outcomes, store.now())?;
            taken.outcomes.push((place, outcomes));
            while !dirty.is_empty() {
                let some = dirty.split_off(dirty.len().saturating_sub(AT_ONCE));
                self.save_some(&saving, place, some, system, taken)?;
            }
        }
        let notes = store.book().take_dirty();
        if !notes.is_empty() {
            taken.notes = notes.iter().map(|(key, _)| key.clone()).collect();
            // They are as they will be once their records are durable.
            taken.ahead = true;
            saving.notes(&notes)?;
        }
        if taken.ahead {
            system.high = system.high.max(self.barrier()?);
        }
        if taken.ahead && store.taken_back.load(Ordering::Acquire) != taken_back {
            return Err(Not::Now);
        }
        system.high = system.high.max(system.lsn);
        system.generation = store.generation.load(Ordering::Acquire);
        Ok(saving.commit(system)?)
    }

    fn save_some(
        &self,
        saving: &Saving,
        place: usize,
        channels: Vec<ChannelName>,
        system: &mut System,
        taken: &mut Taken,
    ) -> Result<(), IndexError> {
        let mut changes: Vec<StreamChange> = Vec::with_capacity(channels.len());
        let mut stripe = self.store.lock(place);
        for channel in channels {
            let Some(Slot::Hot(hot)) = stripe.slots.get_mut(&channel) else { continue };
            let saved = hot.saved;
            let id = saved.map_or(system.next_id, |saved| saved.id);
            system.next_id = system.next_id.max(id + 1);
            changes.push(hot.change(channel.as_str(), id));
            hot.dirty = false;
            system.high = system.high.max(hot.lsn);
            taken.ahead |= hot.early > 0;
            taken.streams.push((place, channel, saved));
        }
        drop(stripe);
        saving.streams(changes.iter())
    }

    /// Waits until everything that was given to the log is durable; the number of the last record.
    fn barrier(&self) -> Result<u64, Not> {
        let (tell, told) = channel();
        let bytes = self.store.sessions.now.to_le_bytes();
        let record = Record { kind: record::BARRIER, bytes: &bytes };
        let store = Arc::clone(&self.store);
        let on_durable = Box::new(move |result: Result<Lsn, WalError>| {
            store.applied(&result);
            let _ = tell.send(result); // The one who waits does so until it is told.
        });
        self.store.wal.append(&[record], on_durable).map_err(|_| Not::Now)?;
        match told.recv() {
            Ok(Ok(lsn)) => Ok(lsn.0),
            _ => Err(Not::Now),
        }
    }

    fn put_back(&self, taken: Taken) {
        for (place, channel, saved) in taken.streams {
            let mut stripe = self.store.lock(place);
            let stripe = &mut *stripe;
            if let Some(Slot::Hot(hot)) = stripe.slots.get_mut(&channel) {
                hot.saved = saved;
                if !hot.dirty {
                    hot.dirty = true;
                    stripe.dirty.push(channel);
                }
            }
        }
        self.store.book().still_dirty(taken.notes);
        for (place, outcomes) in taken.outcomes {
            self.store.lock(place).outcomes.still_unsaved(outcomes);
        }
    }

    /// Gets what was saved onto the disk, and moves the checkpoint of the log behind it; false as
    /// long as there is no room.
    pub(crate) fn settle(&mut self) -> Result<bool, IndexError> {
        let full = !self.store.index.settle()? || self.store.index.is_full();
        if full && !self.told_full {
            let file = self.store.index.path();
            tracing::warn!(file = %file.display(), "no room for the index; the log keeps everything until there is");
        }
        if self.told_full && !full {
            tracing::info!("there is room for the index again");
        }
        self.told_full = full;
        if full {
            return Ok(false);
        }
        if let Some(lsn) = self.unsettled {
            match self.store.wal.checkpoint(lsn) {
                // The next attempt moves it further.
                Ok(()) | Err(WalError::Full) => self.unsettled = None,
                // It has told what it has to tell.
                Err(_) => {}
            }
        }
        Ok(true)
    }

    /// A last checkpoint. False if names that streams have taken since something was taken back are
    /// nowhere but in memory: the next start has to give them new ones, as after a crash.
    pub(crate) fn finish(&mut self) -> bool {
        // Without room for it, what waits will be refused while the log is closed.
        let _ = self.barrier();
        self.checkpoint();
        let taken_back = self.store.taken_back.load(Ordering::Acquire);
        taken_back == 0 || (taken_back == self.covered && self.unsettled.is_none())
    }
}
