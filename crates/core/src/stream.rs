//! The retained publications of one channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::history::{Ancestor, HistoryPage, HistoryQuery};
use crate::limits::{HISTORY_PAGE_BYTES, LINEAGES};
use crate::namespace::Retention;
use crate::position::{Epoch, Position, Tag};
use crate::publication::{Draft, Publication};
use crate::time::WallTime;

/// An ordered, numbered list of publications, bounded by count, age and bytes.
///
/// Offsets go up by one and are never used again: trimming moves the beginning, not the numbers.
#[derive(Debug)]
pub struct Stream {
    epoch: Epoch,
    ancestors: Arc<[Ancestor]>,
    /// The newest publication's, kept or not.
    top: u64,
    tag: Tag,
    /// The tag of the publication before the oldest kept one.
    floor: Tag,
    kept: VecDeque<Arc<Publication>>,
    bytes: usize,
    retention: Retention,
}

/// What a stream is made of, to store it and to bring it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// The name of its history.
    pub epoch: Epoch,
    /// The histories it has come from.
    pub ancestors: Arc<[Ancestor]>,
    /// The offset of the newest publication, kept or not.
    pub top: u64,
    /// That publication's tag.
    pub tag: Tag,
    /// The tag of the publication before the oldest kept one.
    pub floor: Tag,
    /// How much is kept.
    pub retention: Retention,
}

impl Stream {
    /// An empty stream, whose history is named `epoch`.
    #[must_use]
    pub fn new(epoch: Epoch, retention: Retention) -> Self {
        let state = StreamState {
            epoch,
            ancestors: Arc::default(),
            top: 0,
            tag: Tag::START,
            floor: Tag::START,
            retention,
        };
        Self::restore(state, VecDeque::new())
    }

    /// A stream as it was stored. The last of `kept` must be the one at the top, and their offsets
    /// must run without a hole.
    #[must_use]
    pub fn restore(state: StreamState, kept: VecDeque<Arc<Publication>>) -> Self {
        let StreamState { epoch, ancestors, top, tag, floor, retention } = state;
        let bytes = kept.iter().map(|publication| publication.weight()).sum();
        Self { epoch, ancestors, top, tag, floor, kept, bytes, retention }
    }

    /// What it is made of, besides [`Stream::kept`].
    #[must_use]
    pub fn state(&self) -> StreamState {
        StreamState {
            epoch: self.epoch.clone(),
            ancestors: Arc::clone(&self.ancestors),
            top: self.top,
            tag: self.tag,
            floor: self.floor,
            retention: self.retention,
        }
    }

    /// The publications that are kept, oldest first.
    #[must_use]
    pub fn kept(&self) -> &VecDeque<Arc<Publication>> {
        &self.kept
    }

    /// What the kept publications weigh, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place of the newest publication, kept or not.
    #[must_use]
    pub fn top(&self) -> Position {
        Position { epoch: self.epoch.clone(), offset: self.top, tag: Some(self.tag) }
    }

    /// Makes the publication that would stand behind `last`, or behind the top, without adding it.
    /// `id` names the message and is never used again.
    #[must_use]
    pub fn place(
        &self,
        last: Option<&Publication>,
        draft: Draft,
        id: &[u8],
        now: WallTime,
    ) -> Publication {
        let (offset, tag) = last.map_or((self.top, self.tag), |last| (last.offset, last.tag));
        Publication {
            epoch: self.epoch.clone(),
            offset: offset + 1,
            tag: tag.after(id),
            before: None,
            data: draft.data,
            info: draft.info,
            tags: draft.tags,
            time: now,
        }
    }

    /// Adds a publication made for this place, and drops what `retention` no longer keeps.
    pub fn push(&mut self, publication: Arc<Publication>, retention: Retention, now: WallTime) {
        debug_assert_eq!(publication.offset, self.top + 1, "placed behind the top");
        self.retention = retention;
        self.top = publication.offset;
        self.tag = publication.tag;
        self.bytes += publication.weight();
        self.kept.push_back(publication);
        self.trim(now);
    }

    /// Goes on under another name: who knew the history by the old one, and up to here, is at home
    /// in the new one. The oldest of many names is forgotten.
    pub fn rename(&mut self, epoch: Epoch) {
        let old = std::mem::replace(&mut self.epoch, epoch);
        let known = self.ancestors.len().saturating_sub(LINEAGES - 1);
        let parted = Ancestor { epoch: old, shared: self.top };
        self.ancestors = self.ancestors[known..].iter().cloned().chain([parted]).collect();
    }

    /// Drops what is too old or too much.
    pub fn trim(&mut self, now: WallTime) {
        let Retention { size, ttl_ms, bytes } = self.retention;
        while self.kept.len() > size
            || self.bytes > bytes
            || self.kept.front().is_some_and(|p| p.time.0.saturating_add(ttl_ms) <= now.0)
        {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.floor = oldest.tag;
            self.bytes -= oldest.weight();
        }
        // A stream that was busy once should not hold its largest buffer for ever.
        if self.kept.is_empty() && self.kept.capacity() > 0 {
            self.kept = VecDeque::new();
        }
    }

    /// Forgets the publications; numbers go on where they were.
    pub fn clear(&mut self) {
        self.kept = VecDeque::new();
        self.bytes = 0;
        self.floor = self.tag;
    }

    /// Whether nothing is kept at the moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Reads a slice; of large publications fewer than asked for, but at least one.
    #[must_use]
    pub fn read(&self, query: &HistoryQuery) -> HistoryPage {
        let since = query.since.as_ref().map(|position| position.offset);
        let publications = if query.reverse {
            let end = since.map_or(self.kept.len(), |offset| self.index_of(offset));
            page(self.kept.range(..end).rev(), query.limit)
        } else {
            let start = since.map_or(0, |offset| self.index_of(offset.saturating_add(1)));
            page(self.kept.range(start..), query.limit)
        };
        let anchor = since.and_then(|offset| self.tag_at(offset));
        let ancestors = Arc::clone(&self.ancestors);
        HistoryPage { top: self.top(), publications, anchor, ancestors }
    }

    /// Offset of the publication before the oldest kept one.
    fn before(&self) -> u64 {
        self.top - self.kept.len() as u64
    }

    fn tag_at(&self, offset: u64) -> Option<Tag> {
        let ahead = usize::try_from(offset.checked_sub(self.before())?).ok()?;
        match ahead.checked_sub(1) {
            None => Some(self.floor),
            Some(index) => self.kept.get(index).map(|publication| publication.tag),
        }
    }

    /// Index of the first kept publication whose offset is at least `offset`.
    fn index_of(&self, offset: u64) -> usize {
        let ahead = offset.saturating_sub(self.before() + 1);
        usize::try_from(ahead).unwrap_or(usize::MAX).min(self.kept.len())
    }
}

fn page<'a>(
    publications: impl Iterator<Item = &'a Arc<Publication>>,
    limit: usize,
) -> Vec<Arc<Publication>> {
    let mut bytes = 0;
    let fits = |publication: &&Arc<Publication>| {
        let first = bytes == 0;
        bytes += publication.weight();
        first || bytes <= HISTORY_PAGE_BYTES
    };
    publications.take(limit).take_while(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::ChannelName;

    const LARGE: usize = 1 << 20;

    fn draft(data: impl Into<bytes::Bytes>) -> Draft {
        Draft { data: data.into(), ..Draft::new(ChannelName::parse("c").unwrap()) }
    }

    fn append(stream: &mut Stream, data: impl Into<bytes::Bytes>, now: u64) {
        let id = stream.top.to_be_bytes();
        let publication = stream.place(None, draft(data), &id, WallTime(now));
        stream.push(Arc::new(publication), stream.retention, WallTime(now));
    }

    fn stream(size: usize, ttl_ms: u64, publications: u64) -> Stream {
        let mut stream = Stream::new(Epoch::new("e"), Retention { size, ttl_ms, bytes: LARGE });
        for n in 1..=publications {
            append(&mut stream, n.to_string(), n * 10);
        }
        stream
    }

    fn read(stream: &Stream, since: Option<u64>, limit: usize, reverse: bool) -> Vec<u64> {
        let since = since.map(|offset| Position::new(Epoch::new("e"), offset));
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

    #[test]
    fn bytes_bound_what_is_kept() {
        let weight = stream(1, 1_000, 1).bytes();
        let mut stream = stream(10, 1_000, 0);
        stream.retention.bytes = 3 * weight;
        for n in 1..=5 {
            append(&mut stream, n.to_string(), n);
        }
        assert_eq!(read(&stream, None, 10, false), [3, 4, 5]);
        append(&mut stream, vec![b'x'; 3 * weight], 6);
        assert_eq!(read(&stream, None, 10, false), [0; 0], "too large to be kept at all");
        assert_eq!((stream.bytes(), stream.top().offset), (0, 6));
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_but_is_never_empty() {
        let mut stream = stream(10, 1_000, 0);
        stream.retention.bytes = usize::MAX;
        for n in 1..=3 {
            append(&mut stream, vec![b'x'; HISTORY_PAGE_BYTES / 2], n);
        }
        append(&mut stream, vec![b'x'; 2 * HISTORY_PAGE_BYTES], 4);
        assert_eq!(read(&stream, None, 10, false), [1]);
        assert_eq!(read(&stream, Some(3), 10, false), [4]);
    }

    #[test]
    fn the_tag_of_a_place_is_known_down_to_the_oldest_kept() {
        let stream = stream(3, 1_000, 5);
        let mut tag = Tag::START;
        for offset in 0..7 {
            let since = Some(Position::new(Epoch::new("e"), offset));
            let page = stream.read(&HistoryQuery { since, limit: 10, reverse: false });
            let known = (2..=5).contains(&offset);
            assert_eq!(page.anchor, known.then_some(tag), "{offset}");
            tag = tag.after(&offset.to_be_bytes());
        }
    }

    #[test]
    fn a_stream_comes_back_as_it_was_stored() {
        let stream = stream(3, 1_000, 5);
        let back = Stream::restore(stream.state(), stream.kept().clone());
        let everything = HistoryQuery { since: None, limit: 10, reverse: false };
        assert_eq!(back.read(&everything), stream.read(&everything));
        assert_eq!((back.bytes(), back.state()), (stream.bytes(), stream.state()));
    }

    #[test]
    fn old_names_are_remembered_with_the_place_of_parting() {
        let mut stream = stream(3, 1_000, 2);
        stream.rename(Epoch::new("e-1"));
        append(&mut stream, "3", 30);
        let page = stream.read(&HistoryQuery::default());
        assert_eq!(*page.ancestors, [Ancestor { epoch: Epoch::new("e"), shared: 2 }]);
        assert_eq!(page.top.epoch, Epoch::new("e-1"));
        for n in 0..2 * LINEAGES {
            stream.rename(Epoch::new(&format!("f-{n}")));
        }
        let ancestors = stream.state().ancestors;
        assert_eq!(ancestors.len(), LINEAGES);
        assert_eq!(ancestors[LINEAGES - 1].epoch.as_str(), format!("f-{}", 2 * LINEAGES - 2));
    }
}
