//! A stream that is in memory, and what is under way in it.
//!
//! The stream holds what is durable, and what was delivered early. Behind that, `pending` holds
//! what waits for the disk, in the order of the log: first those that the stream holds already,
//! then the others.

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_core::backend::{BackendError, Completion, Published};
use trunkline_core::namespace::Retention;
use trunkline_core::position::Tag;
use trunkline_core::publication::{Draft, Publication};
use trunkline_core::stream::{Stream, StreamState};
use trunkline_core::time::WallTime;
use trunkline_wal::StoreId;

use crate::index::{BLOCK, StreamChange, StreamRow};
use crate::name::Name;
use crate::outcomes::Key;

/// Bytes a stream costs in memory beyond its publications: map entry, state, names.
pub(crate) const HOT_BYTES: usize = 768;

/// Until the first publication says how much is kept, nothing is.
const NOTHING: Retention = Retention { size: 0, ttl_ms: 0, bytes: 0 };

/// A stream in memory.
pub(crate) struct Hot {
    pub(crate) stream: Stream,
    pub(crate) name: Name,
    /// The session in which the name was last settled, or the running ahead was.
    pub(crate) session: u64,
    /// The log says that publications of this stream are delivered early in that session.
    pub(crate) ahead: bool,
    /// The last record of it that is durable.
    pub(crate) lsn: u64,
    pub(crate) pending: VecDeque<Pending>,
    /// How many of the pending ones the stream holds already.
    pub(crate) early: usize,
    /// What the index holds of it.
    pub(crate) saved: Option<Saved>,
    /// Whether the stream has changed since, and stands in the list of such.
    pub(crate) dirty: bool,
    pub(crate) last_used: WallTime,
}

/// What the index holds of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Saved {
    pub(crate) id: u64,
    pub(crate) low: u64,
    pub(crate) top: u64,
}

/// Something that waits for the disk.
pub(crate) enum Pending {
    Publication(Placed),
    Clear(Completion<Result<(), BackendError>>),
}

/// A publication that waits for the disk.
pub(crate) struct Placed {
    pub(crate) publication: Arc<Publication>,
    pub(crate) retention: Retention,
    /// The tag of the publication before.
    pub(crate) before: Tag,
    /// From here on, the stream may run ahead.
    pub(crate) marks: bool,
    pub(crate) key: Option<Key>,
    pub(crate) done: Completion<Result<Published, BackendError>>,
}

impl Hot {
    /// A stream that has never been published to.
    pub(crate) fn new(store: StoreId, generation: u64, session: u64, now: WallTime) -> Self {
        let name = Name::new(generation);
        Self {
            stream: Stream::new(name.epoch(store), NOTHING),
            name,
            session,
            ahead: false,
            lsn: 0,
            pending: VecDeque::new(),
            early: 0,
            saved: None,
            dirty: false,
            last_used: now,
        }
    }

    /// A stream as the index holds it.
    pub(crate) fn stored(
        store: StoreId,
        row: &StreamRow,
        kept: VecDeque<Arc<Publication>>,
        now: WallTime,
    ) -> Self {
        let state = StreamState {
            epoch: row.name.epoch(store),
            ancestors: Arc::clone(&row.ancestors),
            top: row.top,
            tag: row.tag,
            floor: row.floor,
            retention: row.retention,
        };
        Self {
            stream: Stream::restore(state, kept),
            name: row.name,
            session: row.session,
            ahead: row.ahead,
            lsn: row.lsn,
            pending: VecDeque::new(),
            early: 0,
            saved: Some(Saved { id: row.id, low: row.low, top: row.top }),
            dirty: false,
            last_used: now,
        }
    }

    /// What it costs in memory.
    pub(crate) fn weight(&self) -> usize {
        HOT_BYTES + self.stream.bytes()
    }

    /// Whether nothing is lost if it leaves memory now.
    pub(crate) fn is_clean(&self) -> bool {
        !self.dirty && self.pending.is_empty()
    }

    /// The last publication that waits behind what the stream holds.
    fn last_waiting(&self) -> Option<&Publication> {
        self.pending.iter().skip(self.early).rev().find_map(|pending| match pending {
            Pending::Publication(placed) => Some(&*placed.publication),
            Pending::Clear(_) => None,
        })
    }

    /// The offset of the last publication there will be, if all goes well.
    pub(crate) fn last_offset(&self) -> u64 {
        self.last_waiting().map_or_else(|| self.stream.top().offset, |last| last.offset)
    }

    /// Gives a draft its place, and says which tag stands before it.
    pub(crate) fn place(&self, draft: Draft, id: &[u8], now: WallTime) -> (Publication, Tag) {
        let last = self.last_waiting();
        let before = match last {
            Some(last) => last.tag,
            None => self.stream.top().tag.unwrap_or_default(),
        };
        (self.stream.place(last, draft, id, now), before)
    }

    /// Whether a publication may be delivered before it is durable: the log says so, and nothing
    /// waits that has not been delivered itself.
    pub(crate) fn may_run_ahead(&self, session: u64) -> bool {
        self.ahead && self.session == session && self.pending.len() == self.early
    }

    /// Goes on under another name.
    pub(crate) fn rename(&mut self, name: Name, session: u64, store: StoreId) {
        self.stream.rename(name.epoch(store));
        (self.name, self.session, self.ahead) = (name, session, false);
    }

    /// Takes another name if clients may have seen more than the store holds: since the stream ran
    /// ahead in a session that ended badly, or since a repair lost something.
    pub(crate) fn settle_name(&mut self, sessions: &Sessions, store: StoreId) -> bool {
        let lost = self.session < sessions.forked;
        let ran_ahead = self.ahead && self.session <= sessions.unclean;
        if !lost && !ran_ahead {
            return false;
        }
        self.rename(self.name.parted(sessions.now), sessions.now, store);
        true
    }

    /// Takes back what was delivered early from `placed` on, which is not durable and will not be.
    /// Who saw it learns so from the new name.
    pub(crate) fn take_back(&mut self, placed: &Placed, session: u64, store: StoreId) {
        let last = placed.publication.offset - 1;
        let state = self.stream.state();
        let kept: VecDeque<_> =
            self.stream.kept().iter().filter(|kept| kept.offset <= last).cloned().collect();
        let floor = if kept.is_empty() { placed.before } else { state.floor };
        let state = StreamState { top: last, tag: placed.before, floor, ..state };
        self.stream = Stream::restore(state, kept);
        self.early = 0;
        let ahead = self.ahead;
        self.rename(self.name.parted(session), session, store);
        // The mark in the log is of this session, and still stands.
        self.ahead = ahead;
    }

    /// What the index has to be told, given the number of the stream.
    pub(crate) fn change(&mut self, channel: &str, id: u64) -> StreamChange {
        let state = self.stream.state();
        let kept = self.stream.kept();
        let (top, low) = (state.top, state.top + 1 - kept.len() as u64);
        let row = StreamRow {
            id,
            name: self.name,
            session: self.session,
            ahead: self.ahead,
            lsn: self.lsn,
            top,
            tag: state.tag,
            floor: state.floor,
            low,
            newest: kept.back().map_or(WallTime(0), |newest| newest.time),
            used: self.last_used,
            retention: state.retention,
            ancestors: state.ancestors,
        };
        let (mut obsolete, mut from) = (0..0, low);
        if let Some(saved) = self.saved {
            let live = if low > top { u64::MAX } else { low / BLOCK };
            if saved.low <= saved.top {
                let end = saved.top / BLOCK + 1;
                obsolete = saved.low / BLOCK..live.min(end);
            }
            // The block in which the new ones begin is written anew.
            from = low.max((saved.top.min(top) + 1) / BLOCK * BLOCK);
        }
        let skipped = usize::try_from(from - low).unwrap_or(usize::MAX).min(kept.len());
        let publications = kept.range(skipped..).cloned().collect();
        self.saved = Some(Saved { id, low, top });
        StreamChange { channel: channel.to_owned(), row, obsolete, publications }
    }
}

/// The sessions of a store: its openings, numbered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sessions {
    /// This one.
    pub(crate) now: u64,
    /// The last one that did not end in order.
    pub(crate) unclean: u64,
    /// Streams last named before this one may have lost something in a repair.
    pub(crate) forked: u64,
}
