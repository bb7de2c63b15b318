//! Remembers what became of publishes that carry an idempotency key, and who waits for it.

use std::collections::{HashMap, VecDeque};

use trunkline_core::backend::{BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::IDEMPOTENCY_TTL_MS;
use trunkline_core::time::WallTime;

use crate::index::OutcomeRow;

pub(crate) type Key = (ChannelName, Box<str>);
type Done = Completion<Result<Published, BackendError>>;

/// Publishers that may wait for the outcome of another one's publish with the same key: more than
/// any client has attempts under way.
const WAITERS: usize = 64;

enum Outcome {
    Pending(Vec<Done>),
    Known(Published),
}

/// What is known of a key.
pub(crate) enum Found {
    /// Nothing: the publish is the first, and to be done by who asked.
    Nothing(Done),
    /// It has an outcome.
    Known(Done, Result<Published, BackendError>),
    /// It is under way, and who asked will be told with it.
    Waits,
}

/// Outcomes by channel and key, the oldest forgotten first.
pub(crate) struct Outcomes {
    most: usize,
    by_key: HashMap<Key, Outcome>,
    by_age: VecDeque<(WallTime, Key)>,
    /// Those that the index does not hold yet, by their log record.
    unsaved: Vec<(u64, OutcomeRow)>,
}

impl Outcomes {
    /// Keeps `most` outcomes at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, by_key: HashMap::new(), by_age: VecDeque::new(), unsaved: Vec::new() }
    }

    /// Looks for an earlier publish with this key.
    pub(crate) fn find(&mut self, key: &Key, done: Done, now: WallTime) -> Found {
        self.forget(now, self.most);
        match self.by_key.get_mut(key) {
            None => Found::Nothing(done),
            Some(Outcome::Known(published)) => {
                Found::Known(done, Ok(Published { duplicate: true, ..published.clone() }))
            }
            Some(Outcome::Pending(waiting)) if waiting.len() < WAITERS => {
                waiting.push(done);
                Found::Waits
            }
            Some(Outcome::Pending(_)) => Found::Known(done, Err(BackendError::Overloaded)),
        }
    }

    /// What is known of a key: nothing, or what came of the publish with it, if that is over.
    pub(crate) fn look(&mut self, key: &Key, now: WallTime) -> Option<Option<Published>> {
        self.forget(now, self.most);
        self.by_key.get(key).map(|outcome| match outcome {
            Outcome::Pending(_) => None,
            Outcome::Known(published) => Some(Published { duplicate: true, ..published.clone() }),
        })
    }

    /// A publish with this key is under way.
    pub(crate) fn begin(&mut self, key: Key) {
        self.by_key.insert(key, Outcome::Pending(Vec::new()));
    }

    /// It has failed. Whoever waits is to be told so.
    pub(crate) fn fail(&mut self, key: &Key) -> Vec<Done> {
        match self.by_key.remove(key) {
            Some(Outcome::Pending(waiting)) => waiting,
            _ => Vec::new(),
        }
    }

    /// It is done. Whoever waits is to be told so. `lsn` is its record, if the log has one.
    pub(crate) fn remember(
        &mut self,
        key: Key,
        published: &Published,
        lsn: Option<u64>,
        now: WallTime,
    ) -> Vec<Done> {
        self.forget(now, self.most.saturating_sub(1));
        if let (Some(lsn), Some(position)) = (lsn, &published.position) {
            let row = OutcomeRow {
                channel: key.0.as_str().into(),
                key: key.1.as_ref().into(),
                epoch: position.epoch.clone(),
                offset: position.offset,
                tag: position.tag.unwrap_or_default(),
                time: now,
            };
            self.unsaved.push((lsn, row));
        }
        self.by_age.push_back((now, key.clone()));
        match self.by_key.insert(key, Outcome::Known(published.clone())) {
            Some(Outcome::Pending(waiting)) => waiting,
            _ => Vec::new(),
        }
    }

    /// What the index is to hold from now on.
    pub(crate) fn take_unsaved(&mut self) -> Vec<(u64, OutcomeRow)> {
        std::mem::take(&mut self.unsaved)
    }

    /// The index was not changed after all.
    pub(crate) fn still_unsaved(&mut self, mut rows: Vec<(u64, OutcomeRow)>) {
        rows.append(&mut self.unsaved);
        self.unsaved = rows;
    }

    /// Drops what is too old, and the oldest beyond `most`.
    pub(crate) fn forget(&mut self, now: WallTime, most: usize) {
        while let Some((then, _)) = self.by_age.front() {
            let expired = then.0.saturating_add(IDEMPOTENCY_TTL_MS) <= now.0;
            if !expired && self.by_age.len() <= most {
                break;
            }
            let Some((_, key)) = self.by_age.pop_front() else { break };
            if matches!(self.by_key.get(&key), Some(Outcome::Known(_))) {
                self.by_key.remove(&key);
            }
        }
        if self.by_key.is_empty() && self.by_key.capacity() > 0 {
            self.by_key = HashMap::new();
            self.by_age = VecDeque::new();
        }
        // As many as are remembered, and no more, are worth saving.
        let surplus = self.unsaved.len().saturating_sub(self.most);
        self.unsaved.drain(..surplus);
    }
}
