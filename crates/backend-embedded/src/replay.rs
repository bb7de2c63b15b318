//! What the log says, brought together with what the index holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;
use trunkline_core::note::{Note, NoteKey};
use trunkline_core::notebook::Notebook;
use trunkline_core::publication::Publication;
use trunkline_core::stream::{Stream, StreamState};
use trunkline_core::time::WallTime;
use trunkline_wal::{Lsn, Record, StoreId};

use crate::hot::{Hot, Sessions};
use crate::index::{IndexError, OutcomeRow, Reading, System};
use crate::record::{self, Content, Head};

/// Streams and sessions as they come out of the log.
pub(crate) struct Replay<'a> {
    reading: &'a Reading,
    store: StoreId,
    /// Everything up to here is in the index.
    known: u64,
    /// The index lacks what a repair has lost.
    partial: bool,
    now: WallTime,
    pub(crate) streams: HashMap<ChannelName, Hot>,
    pub(crate) outcomes: Vec<(u64, OutcomeRow)>,
    pub(crate) notes: Notebook,
    /// Those of which the log speaks.
    pub(crate) noted: HashSet<NoteKey>,
    pub(crate) generation: u64,
    session: u64,
    ended: bool,
    unclean: u64,
    forked: u64,
    /// Records that were replayed.
    pub(crate) count: u64,
    /// Why the log and the index do not fit together.
    pub(crate) error: Option<IndexError>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        reading: &'a Reading,
        system: &System,
        notes: Notebook,
        now: WallTime,
    ) -> Self {
        Self {
            reading,
            store: system.store,
            known: system.lsn,
            partial: system.partial,
            now,
            streams: HashMap::new(),
            outcomes: Vec::new(),
            notes,
            noted: HashSet::new(),
            generation: system.generation,
            session: system.session,
            ended: system.ended,
            unclean: system.unclean,
            forked: system.forked,
            count: 0,
            error: None,
        }
    }

    /// The sessions, this opening included, and whether the last one ended in order.
    pub(crate) fn sessions(&self) -> (Sessions, bool) {
        let unclean = if self.ended { self.unclean } else { self.session };
        let now = self.session + 1;
        (Sessions { now, unclean, forked: self.forked }, self.ended)
    }

    /// Takes a record in.
    pub(crate) fn record(&mut self, lsn: Lsn, record: Record<'_>) {
        if lsn.0 <= self.known || self.error.is_some() {
            return;
        }
        self.count += 1;
        if let Err(error) = self.take(lsn.0, record) {
            self.error = Some(error);
        }
    }

    fn take(&mut self, lsn: u64, record: Record<'_>) -> Result<(), IndexError> {
        let unknown = || IndexError::Damaged(format!("record {lsn} of the log has no known form"));
        match record::read(record.kind, record.bytes).ok_or_else(unknown)? {
            Content::Append { head, retention, key, publication } => {
                self.session(head.session);
                if let Some(key) = key {
                    self.outcomes.push((lsn, outcome(&head, key, &publication)));
                }
                let hot = self.stream(lsn, &head, publication.offset)?;
                if let Some(hot) = hot {
                    append(hot, lsn, &head, retention, *publication)?;
                }
            }
            Content::Clear { head, offset } => {
                self.session(head.session);
                if let Some(hot) = self.stream(lsn, &head, offset + 1)? {
                    hot.stream.clear();
                    hot.lsn = lsn;
                }
            }
            Content::Rename { head, offset } => {
                self.session(head.session);
                if let Some(hot) = self.stream(lsn, &head, offset + 1)? {
                    hot.lsn = lsn;
                }
            }
            Content::Note { session, note, kept } => {
                self.session(session);
                self.note(note, kept);
            }
            Content::Barrier { session } => self.session(session),
            Content::Closed { session } => {
                self.session(session);
                self.ended = session == self.session;
            }
        }
        Ok(())
    }

    /// A note was kept or removed. The index may have been written later.
    fn note(&mut self, note: Note, kept: bool) {
        if self.notes.get(&note.key).is_some_and(|known| known.version >= note.version) {
            return;
        }
        self.noted.insert(note.key.clone());
        if kept {
            self.notes.put(note);
        } else {
            self.notes.remove(&note.key, note.version);
        }
    }

    /// A record was written in this session.
    fn session(&mut self, session: u64) {
        if session > self.session {
            if !self.ended {
                self.unclean = self.session;
            }
            self.session = session;
        }
        if session == self.session {
            self.ended = false;
        }
    }

    /// The stream that a record changes, under the name it has there; none if it has seen the record
    /// already. `next` is the offset that is to come next.
    fn stream(
        &mut self,
        lsn: u64,
        head: &Head<'_>,
        next: u64,
    ) -> Result<Option<&mut Hot>, IndexError> {
        self.generation = self.generation.max(head.name.generation);
        if !self.streams.contains_key(head.channel) {
            let channel = ChannelName::parse(head.channel)
                .map_err(|_| mismatch(lsn, head, "is of no channel"))?;
            let hot = match self.reading.stream(head.channel)? {
                Some((row, kept)) => Hot::stored(self.store, &row, kept, self.now),
                None => Hot::new(self.store, head.name.generation, head.session, self.now),
            };
            self.streams.insert(channel, hot);
        }
        let Some(hot) = self.streams.get_mut(head.channel) else { return Ok(None) };
        if lsn <= hot.lsn {
            return Ok(None);
        }
        if head.name.generation > hot.name.generation {
            // It was forgotten and began anew.
            let saved = hot.saved;
            *hot = Hot::new(self.store, head.name.generation, head.session, self.now);
            hot.saved = saved;
        }
        let top = hot.stream.top().offset;
        if next <= top && head.name.lineage <= hot.name.lineage {
            // The index was written when this had been delivered already.
            return Ok(None);
        }
        if head.name.generation < hot.name.generation || head.name.lineage < hot.name.lineage {
            return Err(mismatch(lsn, head, "is of an older history"));
        }
        if next != top + 1 {
            if !self.partial {
                return Err(mismatch(lsn, head, "does not continue what the index holds"));
            }
            // What is missing was lost before; the stream begins again behind it.
            let state = hot.stream.state();
            let top = next.saturating_sub(1);
            let state = StreamState { top, floor: state.tag, ..state };
            hot.stream = Stream::restore(state, std::collections::VecDeque::new());
        }
        if head.name.lineage > hot.name.lineage {
            hot.rename(head.name, head.session, self.store);
        }
        (hot.session, hot.ahead) = (head.session, head.ahead);
        hot.dirty = true;
        Ok(Some(hot))
    }
}

fn append(
    hot: &mut Hot,
    lsn: u64,
    head: &Head<'_>,
    retention: Retention,
    publication: Publication,
) -> Result<(), IndexError> {
    if publication.epoch != hot.stream.top().epoch {
        return Err(mismatch(lsn, head, "stands in another history"));
    }
    let time = publication.time;
    hot.stream.push(Arc::new(publication), retention, time);
    hot.lsn = lsn;
    Ok(())
}

fn mismatch(lsn: u64, head: &Head<'_>, what: &str) -> IndexError {
    IndexError::Damaged(format!("record {lsn} of the log, channel {}, {what}", head.channel))
}

fn outcome(head: &Head<'_>, key: &str, publication: &Publication) -> OutcomeRow {
    OutcomeRow {
        channel: head.channel.into(),
        key: key.into(),
        epoch: publication.epoch.clone(),
        offset: publication.offset,
        tag: publication.tag,
        time: publication.time,
    }
}
