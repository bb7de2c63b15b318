//! The retained publications of one channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::history::{HistoryPage, HistoryQuery};
use crate::namespace::Retention;
use crate::position::{Epoch, Position};
use crate::publication::{Draft, Publication};
use crate::time::WallTime;

/// An ordered, numbered list of publications, bounded by count and age.
///
/// Offsets go up by one and are never used again: trimming moves the beginning, not the numbers.
#[derive(Debug)]
pub struct Stream {
    epoch: Epoch,
    top: u64,
    kept: VecDeque<Arc<Publication>>,
    retention: Retention,
}

impl Stream {
    /// An empty stream, whose life is named `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch, retention: Retention) -> Self {
        Self { epoch, top: 0, kept: VecDeque::new(), retention }
    }

    /// The place of the newest publication, kept or not.
    #[must_use]
    pub fn top(&self) -> Position {
        Position { epoch: self.epoch.clone(), offset: self.top }
    }

    /// Gives `draft` the next place and keeps it as its retention says.
    pub fn append(&mut self, draft: Draft, now: WallTime) -> Arc<Publication> {
        if let Some(retention) = draft.retention {
            self.retention = retention;
        }
        self.top += 1;
        let publication = Arc::new(Publication {
            epoch: self.epoch.clone(),
            offset: self.top,
            data: draft.data,
            info: draft.info,
            tags: draft.tags,
            time: now,
        });
        self.kept.push_back(Arc::clone(&publication));
        self.trim(now);
        publication
    }

    /// Drops what is too old or too much.
    pub fn trim(&mut self, now: WallTime) {
        let Retention { size, ttl_ms } = self.retention;
        while self.kept.len() > size
            || self.kept.front().is_some_and(|p| p.time.0.saturating_add(ttl_ms) <= now.0)
        {
            self.kept.pop_front();
        }
        // A stream that was busy once should not hold its largest buffer for ever.
        if self.kept.is_empty() && self.kept.capacity() > 0 {
            self.kept = VecDeque::new();
        }
    }

    /// Forgets the publications; numbers go on where they were.
    pub fn clear(&mut self) {
        self.kept = VecDeque::new();
    }

    /// Whether nothing is kept at the moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Reads a slice.
    #[must_use]
    pub fn read(&self, query: &HistoryQuery) -> HistoryPage {
        let since = query.since.as_ref().map(|position| position.offset);
        let publications = if query.reverse {
            let end = since.map_or(self.kept.len(), |offset| self.index_of(offset));
            self.kept.range(..end).rev().take(query.limit).cloned().collect()
        } else {
            let start = since.map_or(0, |offset| self.index_of(offset.saturating_add(1)));
            self.kept.range(start..).take(query.limit).cloned().collect()
        };
        HistoryPage { top: self.top(), publications }
    }

    /// Index of the first kept publication whose offset is at least `offset`.
    fn index_of(&self, offset: u64) -> usize {
        let first = self.top + 1 - self.kept.len() as u64;
        let ahead = offset.saturating_sub(first);
        usize::try_from(ahead).unwrap_or(usize::MAX).min(self.kept.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::ChannelName;

    fn stream(size: usize, ttl_ms: u64, publications: u64) -> Stream {
        let retention = Retention { size, ttl_ms };
        let mut stream = Stream::new(Epoch::new("e"), retention);
        for n in 1..=publications {
            let draft = Draft {
                channel: ChannelName::parse("c").unwrap(),
                data: n.to_string().into(),
                info: None,
                tags: Vec::new(),
                retention: Some(retention),
                idempotency_key: None,
            };
            stream.append(draft, WallTime(n * 10));
        }
        stream
    }

    fn read(stream: &Stream, since: Option<u64>, limit: usize, reverse: bool) -> Vec<u64> {
        let since = since.map(|offset| Position { epoch: Epoch::new("e"), offset });
        let page = stream.read(&HistoryQuery { since, limit, reverse });
        page.publications.iter().map(|p| p.offset).collect()
    }

    #[test]
    fn reads_forward_and_backward_from_a_place() {
        let stream = stream(10, 1_000, 5);
        assert_eq!(read(&stream, None, 10, false), [1, 2, 3, 4, 5]);
        assert_eq!(read(&stream, Some(2), 2, false), [3, 4]);
        assert_eq!(read(&stream, None, 2, true), [5, 4]);
        assert_eq!(read(&stream, Some(3), 10, true), [2, 1]);
        assert_eq!(read(&stream, Some(99), 10, false), [0; 0]);
        assert_eq!(read(&stream, None, 0, false), [0; 0]);
    }

    #[test]
    fn count_and_age_bound_what_is_kept_but_not_the_numbers() {
        let mut stream = stream(3, 1_000, 5);
        assert_eq!(read(&stream, None, 10, false), [3, 4, 5]);
        assert_eq!(read(&stream, Some(0), 10, false), [3, 4, 5]);
        stream.trim(WallTime(1_040));
        assert_eq!(read(&stream, None, 10, false), [5]);
        stream.clear();
        assert_eq!(stream.top().offset, 5);
        assert_eq!(read(&stream, None, 10, true), [0; 0]);
    }
}
