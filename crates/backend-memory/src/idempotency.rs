//! Remembers the outcome of publishes that carry an idempotency key.

use std::collections::{HashMap, VecDeque};

use trunkline_core::backend::Published;
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::IDEMPOTENCY_TTL_MS;
use trunkline_core::time::WallTime;

type Key = (ChannelName, Box<str>);

/// Outcomes by channel and key, the oldest forgotten first.
#[derive(Debug)]
pub(crate) struct Outcomes {
    most: usize,
    by_key: HashMap<Key, Published>,
    by_age: VecDeque<(WallTime, Key)>,
}

impl Outcomes {
    /// Keeps `most` outcomes at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, by_key: HashMap::new(), by_age: VecDeque::new() }
    }

    /// What became of the first publish with this key, marked as a duplicate's answer.
    pub(crate) fn find(&mut self, key: &Key, now: WallTime) -> Option<Published> {
        self.forget(now, self.most);
        let published = self.by_key.get(key)?.clone();
        Some(Published { duplicate: true, ..published })
    }

    pub(crate) fn remember(&mut self, key: Key, published: Published, now: WallTime) {
        self.forget(now, self.most.saturating_sub(1));
        self.by_age.push_back((now, key.clone()));
        self.by_key.insert(key, published);
    }

    /// Drops what is too old, and the oldest beyond `most`.
    pub(crate) fn forget(&mut self, now: WallTime, most: usize) {
        while let Some((then, _)) = self.by_age.front() {
            let expired = then.0.saturating_add(IDEMPOTENCY_TTL_MS) <= now.0;
            if !expired && self.by_age.len() <= most {
                break;
            }
            if let Some((_, key)) = self.by_age.pop_front() {
                self.by_key.remove(&key);
            }
        }
        if self.by_age.is_empty() && self.by_key.capacity() > 0 {
            self.by_key = HashMap::new();
            self.by_age = VecDeque::new();
        }
    }
}
