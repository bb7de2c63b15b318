//! The thread that reads streams from the index: callers are event loops, and never wait for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use trunkline_core::backend::BackendError;
use trunkline_core::channel::ChannelName;
use trunkline_wal::{Record, WalError};

use crate::hot::Hot;
use crate::index::{IndexError, Reading};
use crate::record;
use crate::store::{Load, Store};
use crate::stripe::{Op, Slot};

/// Streams that are read at one moment of the index.
const AT_ONCE: usize = 256;

impl Store {
    /// Reads what is asked for until it is told to stop.
    pub(crate) fn load(self: &Arc<Self>, asked: &Receiver<Load>) {
        while let Ok(first) = asked.recv() {
            // All that is asked for is known before the index is looked at: what is asked for later
            // may have been saved, and have left memory, after that look.
            let loads: Vec<_> =
                std::iter::once(first).chain(asked.try_iter().take(AT_ONCE)).collect();
            let mut stop = false;
            let mut reading = None;
            for load in loads {
                let Load::Stream(channel) = load else {
                    stop = true;
                    continue;
                };
                if let Err(error) = self.load_one(&mut reading, channel) {
                    let file = self.index.path();
                    let file = file.display();
                    self.halt.stop(&format!("{file}: {error}; `trunkline repair` can help"));
                    self.refuse_waiting();
                }
            }
            if stop {
                break;
            }
        }
        self.refuse_waiting();
    }

    fn load_one(
        self: &Arc<Self>,
        reading: &mut Option<Reading>,
        channel: ChannelName,
    ) -> Result<(), IndexError> {
        if self.halt.is_stopped() {
            self.refuse_waiting();
            return Ok(());
        }
        let reading = match reading {
            Some(reading) => reading,
            None => reading.insert(self.index.read()?),
        };
        let now = self.now();
        let mut hot = match reading.stream(channel.as_str())? {
            Some((row, kept)) => Hot::stored(self.id, &row, kept, now),
            None => {
                let generation = self.generation.load(Ordering::Acquire);
                Hot::new(self.id, generation, self.sessions.now, now)
            }
        };
        hot.stream.trim(now);
        if hot.settle_name(&self.sessions, self.id) {
            self.note_name(channel, hot);
        } else {
            self.loaded(&channel, hot);
        }
        Ok(())
    }

    /// Lets the log note a stream's new name before anyone learns of it, so that the next start,
    /// even after another crash, knows it as one of this stream's.
    fn note_name(self: &Arc<Self>, channel: ChannelName, mut hot: Hot) {
        // Where the log has no room the name counts all the same; should the next start not know
        // it, clients are told that the stream is another, which is true enough.
        hot.dirty = true;
        let mut bytes = Vec::new();
        let head = self.head(&channel, &hot, false);
        record::put_change(&mut bytes, &head, hot.stream.top().offset);
        let hot = Arc::new(std::sync::Mutex::new(Some((channel, hot))));
        let (store, noted) = (Arc::clone(self), Arc::clone(&hot));
        let take = |hot: &std::sync::Mutex<Option<(ChannelName, Hot)>>| {
            hot.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
        };
        let on_durable = Box::new(move |result: Result<trunkline_wal::Lsn, WalError>| {
            let Some((channel, mut hot)) = take(&noted) else { return };
            hot.lsn = result.as_ref().map_or(hot.lsn, |lsn| lsn.0);
            store.loaded(&channel, hot);
            store.applied(&result);
        });
        let record = Record { kind: record::RENAME, bytes: &bytes };
        if self.wal.append(&[record], on_durable).is_err()
            && let Some((channel, hot)) = take(&hot)
        {
            self.loaded(&channel, hot);
        }
    }

    /// Puts a stream in memory, and does what has waited for it.
    pub(crate) fn loaded(self: &Arc<Self>, channel: &ChannelName, hot: Hot) {
        let place = self.place_of(channel);
        let mut stripe = self.lock(place);
        let Some(Slot::Loading(waiting)) = stripe.slots.remove(channel) else { return };
        stripe.put(channel.clone(), hot);
        self.waiting.fetch_sub(waiting.len(), Ordering::Relaxed);
        let over = self.is_over();
        let told: Vec<_> = waiting
            .into_iter()
            .filter_map(|op| {
                if over {
                    return Some(op.refuse(BackendError::Stopped));
                }
                self.act(&mut stripe, place, channel, op)
            })
            .collect();
        drop(stripe);
        told.into_iter().for_each(crate::stripe::Told::tell);
    }

    /// Keeps everyone away from a stream that is not in memory, until [`Store::release`].
    pub(crate) fn withhold(&self, channel: &ChannelName) -> bool {
        let mut stripe = self.lock(self.place_of(channel));
        if stripe.slots.contains_key(channel) {
            return false;
        }
        stripe.slots.insert(channel.clone(), Slot::Loading(VecDeque::new()));
        true
    }

    /// Lets those go on who were kept away.
    pub(crate) fn release(&self, channel: &ChannelName) {
        let mut stripe = self.lock(self.place_of(channel));
        let nobody = match stripe.slots.get(channel) {
            Some(Slot::Loading(waiting)) => waiting.is_empty(),
            _ => return,
        };
        if nobody {
            stripe.slots.remove(channel);
        } else if self.loads.send(Load::Stream(channel.clone())).is_err()
            && let Some(Slot::Loading(waiting)) = stripe.slots.remove(channel)
        {
            drop(stripe);
            self.waiting.fetch_sub(waiting.len(), Ordering::Relaxed);
            waiting.into_iter().for_each(|op: Op| op.refuse(BackendError::Stopped).tell());
        }
    }
}
