//! The streams of a share of all channels.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_core::backend::{BackendError, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::{IDEMPOTENCY_ENTRIES, STREAM_IDLE_MS, STREAMS};
use trunkline_core::namespace::Retention;
use trunkline_core::position::{Epoch, Tag};
use trunkline_core::publication::{Draft, Message, Publication};
use trunkline_core::stream::Stream;
use trunkline_core::time::WallTime;

use crate::idempotency::Outcomes;

struct Kept {
    stream: Stream,
    last_used: WallTime,
}

pub(crate) struct Stripe {
    streams: HashMap<ChannelName, Kept>,
    most_streams: usize,
    outcomes: Outcomes,
    /// Names the next stream; stepped so that no two stripes give the same name.
    next_epoch: u64,
    epoch_step: u64,
    /// Names the next message; random for each process and stripe at first.
    next_message: u128,
}

impl Stripe {
    /// The `n`th of `stripes`. `seed` is random for each process: streams of two processes are
    /// never taken for one.
    pub(crate) fn new(seed: u64, n: u64, stripes: u64) -> Self {
        let share = usize::try_from(stripes).unwrap_or(1).max(1);
        Self {
            streams: HashMap::new(),
            most_streams: STREAMS / share,
            outcomes: Outcomes::new(IDEMPOTENCY_ENTRIES / share),
            next_epoch: seed.wrapping_add(n),
            epoch_step: stripes,
            next_message: u128::from(seed.wrapping_add(n)) << 64,
        }
    }

    /// Gives a draft its place. The message is what to deliver: nothing, for a duplicate.
    pub(crate) fn place(
        &mut self,
        mut draft: Draft,
        now: WallTime,
    ) -> Result<(Published, Option<Message>), BackendError> {
        let key = draft.idempotency_key.take().map(|key| (draft.channel.clone(), key));
        if let Some(known) = key.as_ref().and_then(|key| self.outcomes.find(key, now)) {
            return Ok((known, None));
        }
        let (publication, position) = match draft.retention {
            None => {
                let Draft { data, info, tags, .. } = draft;
                let epoch = Epoch::default();
                let tag = Tag::START;
                let publication = Publication {
                    epoch,
                    offset: 0,
                    tag,
                    before: None,
                    data,
                    info,
                    tags,
                    time: now,
                };
                (Arc::new(publication), None)
            }
            Some(retention) => {
                let channel = draft.channel.clone();
                let id = self.next_message.to_be_bytes();
                self.next_message = self.next_message.wrapping_add(1);
                let stream = self.stream(&channel, retention, now)?;
                let publication = stream.place(None, draft, &id, now);
                let publication = Arc::new(publication);
                stream.push(Arc::clone(&publication), retention, now);
                (publication, Some(stream.top()))
            }
        };
        let published = Published { position, duplicate: false };
        if let Some(key) = key {
            self.outcomes.remember(key, published.clone(), now);
        }
        Ok((published, Some(Message::Publication(publication))))
    }

    pub(crate) fn read(
        &mut self,
        channel: &ChannelName,
        query: &HistoryQuery,
        now: WallTime,
    ) -> Result<HistoryPage, BackendError> {
        // Until the first publication says how much is kept, nothing is.
        let nothing = Retention { size: 0, ttl_ms: 0, bytes: 0 };
        let stream = self.stream(channel, nothing, now)?;
        stream.trim(now);
        Ok(stream.read(query))
    }

    pub(crate) fn clear(&mut self, channel: &ChannelName) {
        if let Some(kept) = self.streams.get_mut(channel) {
            kept.stream.clear();
        }
    }

    /// Trims all streams, and forgets those that nobody has used for long.
    pub(crate) fn sweep(&mut self, now: WallTime) {
        self.outcomes.forget(now, usize::MAX);
        self.streams.retain(|_, kept| {
            kept.stream.trim(now);
            !kept.stream.is_empty() || kept.last_used.0.saturating_add(STREAM_IDLE_MS) > now.0
        });
        if self.streams.is_empty() && self.streams.capacity() > 0 {
            self.streams = HashMap::new();
        }
    }

    fn stream(
        &mut self,
        channel: &ChannelName,
        retention: Retention,
        now: WallTime,
    ) -> Result<&mut Stream, BackendError> {
        if self.streams.len() >= self.most_streams && !self.streams.contains_key(channel) {
            // Room is made at the cost of streams that have nothing to give: whoever comes back to
            // one of them finds another epoch, and is told so.
            self.streams.retain(|_, kept| !kept.stream.is_empty());
            if self.streams.len() >= self.most_streams {
                return Err(BackendError::Overloaded);
            }
        }
        let kept = self.streams.entry(channel.clone()).or_insert_with(|| {
            let name = format!("{:016x}", self.next_epoch);
            self.next_epoch = self.next_epoch.wrapping_add(self.epoch_step);
            Kept { stream: Stream::new(Epoch::new(&name), retention), last_used: now }
        });
        kept.last_used = now;
        Ok(&mut kept.stream)
    }
}
