//! The outbox: the internal channel in which events wait for their receivers, and the notes beside
//! it. Everything that must not be done twice is a change of one of those notes, and what it tells
//! is published in the same step.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};
use trunkline_core::backend::{Backend, BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::namespace::Retention;
use trunkline_core::note::{
    Change, Changed, Due, Expected, Note, NoteKey, Notes, Pending, Wanted, Window,
};
use trunkline_core::publication::{Draft, Tags};
use trunkline_core::time::WallTime;

use crate::event::Event;

/// The channel. No client reaches it, nor the server API.
const CHANNEL: &str = "$$webhooks";

/// Notes that are looked at together.
const PAGE: usize = 200;

/// The way to the outbox.
pub(crate) struct Outbox {
    channel: ChannelName,
    retention: Retention,
    backend: Arc<dyn Backend>,
    notes: Arc<dyn Notes>,
    /// Moves when this node has put something in.
    filled: watch::Sender<u64>,
}

/// What comes of a question to what keeps it.
pub(crate) type Outcome<T> = Result<T, BackendError>;

impl Outbox {
    /// The outbox in a backend, kept as `retention` says.
    pub(crate) fn new(
        retention: Retention,
        backend: Arc<dyn Backend>,
        notes: Arc<dyn Notes>,
    ) -> Option<Self> {
        let channel = ChannelName::parse(CHANNEL).ok()?;
        Some(Self { channel, retention, backend, notes, filled: watch::Sender::new(0) })
    }

    /// Moves when this node has put something in.
    pub(crate) fn filled(&self) -> watch::Receiver<u64> {
        self.filled.subscribe()
    }

    /// The note of that name.
    pub(crate) fn key(&self, name: &str) -> NoteKey {
        NoteKey { channel: self.channel.clone(), name: name.into() }
    }

    /// What publishes events together.
    pub(crate) fn draft(&self, events: &[Event], tags: Tags) -> Option<Draft> {
        let data = json(events)?;
        Some(self.raw_draft(data, tags))
    }

    /// What publishes events that are written already.
    pub(crate) fn raw_draft(&self, data: Bytes, tags: Tags) -> Draft {
        let retention = Some(self.retention);
        Draft { data, tags, retention, ..Draft::new(self.channel.clone()) }
    }

    /// Reads a note.
    pub(crate) async fn read(&self, name: &str) -> Outcome<Option<Note>> {
        ask(|done| self.notes.read(&self.key(name), done)).await?
    }

    /// Changes a note.
    pub(crate) async fn change(&self, change: Change) -> Outcome<Changed> {
        let fills = change.draft.is_some();
        let changed = ask(|done| self.notes.change(change, done)).await?;
        if fills && matches!(changed, Ok(Changed::Made { .. })) {
            self.filled.send_modify(|count| *count += 1);
        }
        changed
    }

    /// Reads events.
    pub(crate) async fn history(&self, query: HistoryQuery) -> Outcome<HistoryPage> {
        ask(|done| self.backend.history(&self.channel, query, done)).await?
    }

    /// Notes of the outbox that are due at some time, in the order of those times: a page of all
    /// notes beside which they are kept. `after` is where the page before has ended; the second
    /// value is where this one does, if there may be more.
    pub(crate) async fn due(
        &self,
        now_only: bool,
        after: Option<Place>,
    ) -> Outcome<(Pending, Option<Place>)> {
        let share = self.notes.share_of(&self.channel);
        let window = Window { after, due_now: now_only, limit: PAGE };
        let mut page = ask(|done| self.notes.pending(share, window, done)).await??;
        let last = page.notes.last().and_then(|last| Some((last.due?, last.key.clone())));
        let end = last.filter(|_| page.notes.len() >= PAGE);
        page.notes.retain(|note| note.key.channel == self.channel);
        Ok((page, end))
    }

    /// All of them, a page at a time.
    pub(crate) fn pages(&self, now_only: bool) -> Pages<'_> {
        Pages { outbox: self, now_only, after: None, ended: false }
    }

    /// Removes a note, if it still is as it was found.
    pub(crate) async fn remove(&self, note: &Note) -> Outcome<()> {
        self.change(Change::of(note.key.clone(), Some(note), None)).await.map(drop)
    }
}

/// Notes that are due at some time, a page after the other.
pub(crate) struct Pages<'o> {
    outbox: &'o Outbox,
    now_only: bool,
    after: Option<Place>,
    ended: bool,
}

impl Pages<'_> {
    /// The next page, if there is one.
    pub(crate) async fn next(&mut self) -> Outcome<Option<Pending>> {
        if self.ended {
            return Ok(None);
        }
        let (page, end) = self.outbox.due(self.now_only, self.after.take()).await?;
        self.ended = end.is_none();
        self.after = end;
        Ok(Some(page))
    }
}

/// Where a page of notes ends.
pub(crate) type Place = (WallTime, NoteKey);

/// Waits for what a port answers.
pub(crate) async fn ask<T: Send + 'static>(begin: impl FnOnce(Completion<T>)) -> Outcome<T> {
    let (tell, told) = oneshot::channel();
    begin(Box::new(move |outcome| {
        // Whoever has asked may have ended.
        let _ = tell.send(outcome);
    }));
    // Dropped unanswered: what keeps it has ended.
    told.await.map_err(|_| BackendError::Stopped)
}

/// JSON, of what can always be written.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Option<Bytes> {
    serde_json::to_vec(value).ok().map(Bytes::from)
}

/// Reads what a note says; none if that is nonsense.
pub(crate) fn value<T: DeserializeOwned>(note: &Note) -> Option<T> {
    serde_json::from_slice(&note.value).ok()
}

/// The change of a note to a value.
pub(crate) fn to<T: Serialize>(key: NoteKey, found: Option<&Note>, value: &T, due: Due) -> Change {
    let wanted = Wanted { value: json(value).unwrap_or_default(), due };
    Change::of(key, found, Some(wanted))
}

/// The same for whoever knows no more of the note than its version.
pub(crate) fn to_from<T: Serialize>(key: NoteKey, version: u64, value: &T, due: Due) -> Change {
    Change { expected: Expected::Version(version), ..to(key, None, value, due) }
}
