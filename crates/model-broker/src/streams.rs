//! The streams of all channels, and how the latest publications are lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trunkline_core::backend::{BackendError, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::STREAMS;
use trunkline_core::namespace::Retention;
use trunkline_core::position::{Epoch, Position, Tag};
use trunkline_core::publication::{Draft, Publication};
use trunkline_core::stream::{Stream, StreamState};
use trunkline_core::time::WallTime;

use crate::chance::Chance;
use crate::outcomes::Outcomes;

/// Publications that can be lost by a failover: far more than a copy ever lags behind.
const JOURNAL: usize = 10_000;

/// A publication that took a place, and how it was before.
struct Placed {
    channel: ChannelName,
    position: Position,
    before: StreamState,
    key: Option<Box<str>>,
}

/// Streams, outcomes, and the time.
pub(crate) struct Streams {
    pub(crate) now: WallTime,
    chance: Chance,
    streams: BTreeMap<ChannelName, Stream>,
    outcomes: Outcomes,
    journal: VecDeque<Placed>,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: WallTime::default(),
            chance: Chance::new(seed),
            streams: BTreeMap::new(),
            outcomes: Outcomes::default(),
            journal: VecDeque::new(),
        }
    }

    /// Gives a draft its place. The publication is what to deliver: nothing, for a duplicate.
    pub(crate) fn place(
        &mut self,
        mut draft: Draft,
    ) -> Result<(Published, Option<Arc<Publication>>), BackendError> {
        let now = self.now;
        let channel = draft.channel.clone();
        let key = draft.idempotency_key.take();
        if let Some(key) = &key
            && let Some(known) = self.outcomes.find(&(channel.clone(), key.clone()), now)
        {
            return Ok((known, None));
        }
        let (publication, position) = match draft.retention {
            None => (Arc::new(passing(draft, now)), None),
            Some(retention) => {
                let id = [self.chance.next(), self.chance.next()].map(u64::to_be_bytes).concat();
                let stream = self.stream(&channel, retention)?;
                let before = stream.state();
                let placed = stream.place(None, draft, &id, now);
                let placed = Arc::new(Publication { before: Some(before.tag), ..placed });
                stream.push(Arc::clone(&placed), retention, now);
                let position = placed.position();
                if self.journal.len() == JOURNAL {
                    self.journal.pop_front();
                }
                self.journal.push_back(Placed {
                    channel: channel.clone(),
                    position: position.clone(),
                    before,
                    key: key.clone(),
                });
                (placed, Some(position))
            }
        };
        let published = Published { position, duplicate: false };
        if let Some(key) = key {
            self.outcomes.remember((channel, key), published.clone(), now);
        }
        Ok((published, Some(publication)))
    }

    pub(crate) fn read(
        &mut self,
        channel: &ChannelName,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, BackendError> {
        let now = self.now;
        // Until the first publication says how much is kept, nothing is.
        let stream = self.stream(channel, Retention { size: 0, ttl_ms: 0, bytes: 0 })?;
        stream.trim(now);
        Ok(stream.read(query))
    }

    pub(crate) fn clear(&mut self, channel: &ChannelName) {
        if let Some(stream) = self.streams.get_mut(channel) {
            stream.clear();
        }
    }

    /// Drops all but the newest `keep`.
    pub(crate) fn trim(&mut self, channel: &ChannelName, keep: usize) {
        let Some(stream) = self.streams.get_mut(channel) else { return };
        let mut state = stream.state();
        let mut kept = stream.kept().clone();
        while kept.len() > keep {
            if let Some(dropped) = kept.pop_front() {
                state.floor = dropped.tag;
            }
        }
        *stream = Stream::restore(state, kept);
    }

    /// Loses the latest `n`; gives them, the latest first.
    pub(crate) fn roll_back(&mut self, n: usize) -> Vec<(ChannelName, Position)> {
        let mut lost = Vec::new();
        while lost.len() < n {
            let Some(placed) = self.journal.pop_back() else { break };
            let Placed { channel, position, before, key } = placed;
            if let Some(stream) = self.streams.get_mut(&channel) {
                *stream = without_newest(stream, before);
            }
            if let Some(key) = key {
                self.outcomes.lose(&(channel.clone(), key));
            }
            lost.push((channel, position));
        }
        lost
    }

    /// Gives every stream another name.
    pub(crate) fn rename(&mut self) {
        for stream in self.streams.values_mut() {
            let name = format!("{:016x}", self.chance.next());
            stream.rename(Epoch::new(&name));
        }
    }

    /// Loses everything.
    pub(crate) fn forget(&mut self) {
        self.streams.clear();
        self.outcomes = Outcomes::default();
        self.journal.clear();
    }

    fn stream(
        &mut self,
        channel: &ChannelName,
        retention: Retention,
    ) -> Result<&mut Stream, BackendError> {
        if self.streams.len() >= STREAMS && !self.streams.contains_key(channel) {
            return Err(BackendError::Overloaded);
        }
        Ok(self.streams.entry(channel.clone()).or_insert_with(|| {
            let name = format!("{:016x}", self.chance.next());
            Stream::new(Epoch::new(&name), retention)
        }))
    }
}

/// A publication that leaves no trace.
fn passing(draft: Draft, time: WallTime) -> Publication {
    let Draft { data, info, tags, .. } = draft;
    Publication {
        epoch: Epoch::default(),
        offset: 0,
        tag: Tag::START,
        before: None,
        data,
        info,
        tags,
        time,
    }
}

/// The stream as it was before its newest publication, but for what retention has dropped since.
fn without_newest(stream: &Stream, before: StreamState) -> Stream {
    let StreamState { floor, retention, .. } = stream.state();
    let mut kept = stream.kept().clone();
    kept.pop_back(); // Retention may have dropped it already.
    let floor = if kept.is_empty() { before.tag } else { floor };
    Stream::restore(StreamState { floor, retention, ..before }, kept)
}
