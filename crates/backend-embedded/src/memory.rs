//! Memory and names given back: streams that leave memory for the index, and streams that are
//! forgotten.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use trunkline_core::channel::ChannelName;
use trunkline_core::limits::STREAM_IDLE_MS;
use trunkline_core::time::WallTime;

use crate::index::{IndexError, StreamRow};
use crate::keeper::Keeper;
use crate::store::{STRIPES, Store};
use crate::stripe::Slot;

/// How often streams are sought that can be forgotten, in milliseconds. Each time one is found a
/// new generation of names begins, and whoever waits on a stream without publications is told that
/// it is another.
const FORGETTING_MS: u64 = 600_000;

/// Rows looked at each time: a million in ten hours, well within the day that a stream is idle.
const ROWS: usize = 16_384;

/// To which share of its bound memory is emptied when it is reached, in percent: so that it is not
/// reached again at once.
const EMPTIED_TO: usize = 90;

impl Store {
    /// Trims all streams by age, and drops those from memory that were never published to and that
    /// nobody has asked for in a long time. Touches no disk.
    pub(crate) fn sweep(&self) {
        let now = self.now();
        for place in 0..STRIPES {
            let mut stripe = self.lock(place);
            let stripe = &mut *stripe;
            stripe.outcomes.forget(now, usize::MAX);
            let mut bytes = 0;
            stripe.slots.retain(|_, slot| {
                let Slot::Hot(hot) = slot else { return true };
                hot.stream.trim(now);
                let idle = hot.last_used.0.saturating_add(STREAM_IDLE_MS) <= now.0;
                let keep = !(idle && hot.is_clean() && hot.stream.is_empty());
                bytes += if keep { hot.weight() } else { 0 };
                keep
            });
            stripe.bytes = bytes;
        }
    }

    fn evict_from(&self, place: usize, target: usize) {
        let mut stripe = self.lock(place);
        let mut idle: Vec<(WallTime, ChannelName)> = stripe
            .slots
            .iter()
            .filter_map(|(channel, slot)| match slot {
                Slot::Hot(hot) if hot.is_clean() => Some((hot.last_used, channel.clone())),
                _ => None,
            })
            .collect();
        idle.sort_unstable_by_key(|(last_used, _)| *last_used);
        for (_, channel) in idle {
            if stripe.bytes <= target {
                break;
            }
            if let Some(Slot::Hot(hot)) = stripe.slots.remove(&channel) {
                stripe.bytes = stripe.bytes.saturating_sub(hot.weight());
            }
        }
    }
}

impl Keeper {
    /// Makes room in memory where the index holds the same; true if not enough could be made.
    pub(crate) fn evict(&self) -> bool {
        let store = self.store();
        let limit = store.options.cache_bytes;
        let used = || (0..STRIPES).map(|place| store.lock(place).bytes).sum::<usize>();
        let mut total = used();
        if total > limit {
            for place in 0..STRIPES {
                let bytes = store.lock(place).bytes;
                let share = bytes as u128 * limit as u128 / total as u128;
                store.evict_from(place, share as usize / 100 * EMPTIED_TO);
            }
            total = used();
        }
        store.crowded.store(total > limit.saturating_mul(2), Ordering::Relaxed);
        total > limit
    }

    /// Forgets streams that have been empty and idle for long, and the content of those that have
    /// expired in the index.
    pub(crate) fn forget(&mut self) {
        if Instant::now() < self.next_forgetting || self.store().is_over() {
            return;
        }
        self.next_forgetting = Instant::now() + Duration::from_millis(FORGETTING_MS);
        if let Err(error) = self.forget_some() {
            let file = self.store().index.path();
            self.store().halt.stop(&format!("{}: {error}", file.display()));
            self.store().refuse_waiting();
        }
    }

    /// One step of it, without regard to the time.
    pub(crate) fn forget_some(&mut self) -> Result<(), IndexError> {
        if !self.settle()? {
            return Ok(());
        }
        let now = self.store().now();
        let rows = self.store().index.read()?.streams(&self.cursor, ROWS)?;
        self.cursor = match rows.last() {
            Some((channel, _)) if rows.len() == ROWS => channel.clone(),
            _ => String::new(),
        };
        let idle = |row: &StreamRow| {
            let expires = row.newest.0.saturating_add(row.retention.ttl_ms);
            let empty = row.low > row.top || expires <= now.0;
            empty && row.used.0.saturating_add(STREAM_IDLE_MS) <= now.0
        };
        // Records of theirs that the log would replay would bring them back.
        let lsn = self.system.lsn;
        let mut gone = Vec::new();
        let mut withheld = Vec::new();
        for (text, row) in rows {
            let Some(row) = row.filter(|row| idle(row) && row.lsn <= lsn) else { continue };
            let Ok(channel) = ChannelName::parse(&text) else { continue };
            if self.store().withhold(&channel) {
                withheld.push(channel);
                gone.push((text, row));
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let generation = self.store().generation.load(Ordering::Acquire) + 1;
        let saved = (|| {
            let saving = self.store().index.save()?;
            saving.forget(&gone)?;
            self.system.generation = generation;
            saving.commit(&self.system)
        })();
        if saved.is_ok() {
            self.store().generation.store(generation, Ordering::Release);
            tracing::debug!(streams = gone.len(), "forgot streams that were empty for long");
        }
        withheld.iter().for_each(|channel| self.store().release(channel));
        saved
    }
}
