//! What became of publishes that carried an idempotency key.

use std::collections::{BTreeMap, VecDeque};

use trunkline_core::backend::Published;
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::{IDEMPOTENCY_ENTRIES, IDEMPOTENCY_TTL_MS};
use trunkline_core::time::WallTime;

pub(crate) type Key = (ChannelName, Box<str>);

struct Outcome {
    number: u64,
    published: Published,
}

/// Outcomes by channel and key, the oldest forgotten first.
#[derive(Default)]
pub(crate) struct Outcomes {
    by_key: BTreeMap<Key, Outcome>,
    by_age: VecDeque<(WallTime, u64, Key)>,
    next: u64,
}

impl Outcomes {
    /// What became of the first publish with this key, marked as a duplicate's answer.
    pub(crate) fn find(&mut self, key: &Key, now: WallTime) -> Option<Published> {
        self.forget(now, IDEMPOTENCY_ENTRIES);
        let published = self.by_key.get(key)?.published.clone();
        Some(Published { duplicate: true, ..published })
    }

    pub(crate) fn remember(&mut self, key: Key, published: Published, now: WallTime) {
        self.forget(now, IDEMPOTENCY_ENTRIES - 1);
        self.by_age.push_back((now, self.next, key.clone()));
        self.by_key.insert(key, Outcome { number: self.next, published });
        self.next += 1;
    }

    /// Loses one, as if its publish had never been.
    pub(crate) fn lose(&mut self, key: &Key) {
        self.by_key.remove(key);
    }

    /// Drops what is too old, and the oldest beyond `most`.
    fn forget(&mut self, now: WallTime, most: usize) {
        while let Some((then, ..)) = self.by_age.front() {
            let expired = then.0.saturating_add(IDEMPOTENCY_TTL_MS) <= now.0;
            if !expired && self.by_age.len() <= most {
                break;
            }
            let Some((_, number, key)) = self.by_age.pop_front() else { break };
            // One that was lost may have been followed by another of the same key.
            if self.by_key.get(&key).is_some_and(|outcome| outcome.number == number) {
                self.by_key.remove(&key);
            }
        }
    }
}
