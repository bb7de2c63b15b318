//! Putting what is routed into inboxes: those of different users at the same time, and the messages for
//! one user one after the other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::NOTE_ATTEMPTS;
use trunkline_core::namespace::ChannelOptions;
use trunkline_core::note::{Change, Changed, Note, NoteKey, Wanted};
use trunkline_core::position::{Epoch, Position};
use trunkline_core::publication::Draft;
use trunkline_core::route::{is_done, is_unknown, read_place, write_place};

use super::Routes;
use crate::tidying;

/// The tag that names the channel a message of an inbox comes from.
const FROM_TAG: &str = "from";

/// What enters an inbox, of a message that came in the channel `from`.
pub(super) fn draft(
    from: &ChannelName,
    inbox: ChannelName,
    data: Bytes,
    options: &ChannelOptions,
) -> Draft {
    let tags = vec![(FROM_TAG.into(), from.as_str().into())];
    Draft { data, tags, ..Draft::within(inbox, options) }
}

/// What came of handing messages out.
pub(super) enum Handed {
    /// They are in the inboxes, but for so many that found no room there.
    All { lost: u64 },
    /// The stream is another one than was read, or has another name: it is to be read again.
    Outdated,
    /// It cannot be done now.
    Failed(BackendError),
}

impl Handed {
    /// What came of both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All { lost: one }, Self::All { lost: other }) => Self::All { lost: one + other },
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            _ => Self::Outdated,
        }
    }
}

/// Told what came of it.
pub(super) type Done = Completion<Handed>;

/// The messages of one page for one user, in order, with their places in the routed stream.
pub(super) type Messages = VecDeque<(Position, Bytes)>;

/// Several things at the same time, and what becomes of all of them.
pub(super) struct Together {
    /// Those that are not done, and one more for whoever begins them.
    left: AtomicUsize,
    outcome: Mutex<Option<(Handed, Done)>>,
}

impl Together {
    /// Of `several`, and of whoever begins them.
    pub(super) fn new(several: usize, done: Done) -> Arc<Self> {
        let outcome = Mutex::new(Some((Handed::All { lost: 0 }, done)));
        Arc::new(Self { left: AtomicUsize::new(several + 1), outcome })
    }

    /// One of them is done.
    pub(super) fn one(&self, handed: Handed) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((all, done)) = outcome.take() else { return };
        let all = all.and(handed);
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            *outcome = Some((all, done));
            return;
        }
        drop(outcome);
        done(all);
    }
}

/// Putting messages of one stream into one inbox.
pub(super) struct Handing {
    pub(super) routes: Arc<Routes>,
    pub(super) from: ChannelName,
    /// The stream, as it was when the messages were read.
    pub(super) lineage: Arc<HistoryPage>,
    pub(super) inbox: ChannelName,
    /// A history that the stream did not know after something was found done in it: another stream's.
    pub(super) elsewhere: Option<Epoch>,
}

impl Handing {
    fn key(&self) -> NoteKey {
        NoteKey { channel: self.inbox.clone(), name: tidying::from(&self.from) }
    }

    /// Something was done in a history of which the page does not know. Another node may have done so after
    /// the stream went on under another name, and then this page may be what is gone. Only a look at the
    /// stream that is younger than the note tells.
    fn compare(
        mut self,
        messages: Messages,
        (note, epoch): (Option<Note>, Epoch),
        attempts: u32,
        done: Done,
    ) {
        let (node, from) = (Arc::clone(&self.routes.node), self.from.clone());
        let looked = move |page: Result<HistoryPage, BackendError>| match page {
            Ok(page) if page.top.epoch == self.lineage.top.epoch => {
                self.lineage = Arc::new(page);
                self.elsewhere = Some(epoch);
                self.hand(messages, Some(note), attempts, done);
            }
            Ok(_) => done(Handed::Outdated),
            Err(error) => done(Handed::Failed(error)),
        };
        let top = HistoryQuery { since: None, limit: 0, reverse: false };
        node.history(&from, top, Box::new(looked));
    }

    /// Puts those in that are not there yet, one after the other. `known` is the note as it was a
    /// moment ago.
    pub(super) fn hand(
        self,
        mut messages: Messages,
        known: Option<Option<Note>>,
        attempts: u32,
        done: Done,
    ) {
        let notes = Arc::clone(&self.routes.node.notes);
        let Some(note) = known else {
            let key = self.key();
            return notes.read(
                &key,
                Box::new(move |note| match note {
                    Ok(note) => self.hand(messages, Some(note), attempts, done),
                    Err(error) => done(Handed::Failed(error)),
                }),
            );
        };
        let last = note.as_ref().and_then(|note| read_place(&note.value));
        if let Some(last) = last {
            let stranger = self.elsewhere.as_ref() != Some(&last.epoch);
            if stranger && is_unknown(&last, &self.lineage) {
                return self.compare(messages, (note, last.epoch), attempts, done);
            }
            messages.retain(|(place, _)| !is_done(&last, place.offset, &self.lineage));
        }
        let Some((place, data)) = messages.front().cloned() else {
            return done(Handed::All { lost: 0 });
        };
        let Some(options) = self.routes.node.namespaces.inbox() else {
            return done(Handed::All { lost: 0 });
        };
        let key = self.key();
        let due = self.routes.node.routed_tidied(&self.from);
        let wanted = Wanted { value: write_place(&place), due };
        let draft = draft(&self.from, self.inbox.clone(), data, options);
        let arming = self.routes.node.arming(&draft);
        let change =
            Change { draft: Some(draft), ..Change::of(key.clone(), note.as_ref(), Some(wanted)) };
        notes.change(
            change,
            Box::new(move |changed| match changed {
                Ok(Changed::Made { version, due, .. }) => {
                    self.routes.node.metrics.node.routed.add(1);
                    if let Some(arming) = arming {
                        arming.begin();
                    }
                    messages.pop_front();
                    let note = Note { key, version, due, value: write_place(&place) };
                    self.hand(messages, Some(Some(note)), NOTE_ATTEMPTS, done);
                }
                Ok(Changed::Refused(note)) if attempts > 1 => {
                    self.hand(messages, Some(note), attempts - 1, done);
                }
                Err(error @ BackendError::Unconfirmed) => {
                    // It is there, and nobody finds it missing who comes to it again.
                    self.routes.node.metrics.node.routed.add(1);
                    if let Some(arming) = arming {
                        arming.begin();
                    }
                    done(Handed::Failed(error));
                }
                // This inbox takes none for now; those of others do, and wait for nobody.
                Err(BackendError::NotesFull) => {
                    done(Handed::All { lost: messages.len() as u64 });
                }
                Ok(_) => done(Handed::Failed(BackendError::Overloaded)),
                Err(error) => done(Handed::Failed(error)),
            }),
        );
    }
}
