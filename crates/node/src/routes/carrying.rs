//! Carrying a route out, a page of its stream at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::identity::UserId;
use trunkline_core::limits::NOTE_ATTEMPTS;
use trunkline_core::namespace::ChannelOptions;
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey, Wanted};
use trunkline_core::position::Position;
use trunkline_core::publication::Draft;
use trunkline_core::route::{Gone, Next, Stretch, is_done, next, read_place, write_place};

use super::{Outcome, Routes, Trouble};
use crate::tidying;

/// Publications that are looked at together: those for different users are put into their inboxes at
/// the same time.
const PAGE: usize = 128;

/// What the note of a route's progress is called.
const PROGRESS: &str = "route";

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

/// Told when everything is done, or that it cannot be.
type Done = Completion<Result<(), BackendError>>;

/// The messages of one page for one user, in order, with their places in the routed stream.
type Messages = VecDeque<(Position, Bytes)>;

impl Routes {
    /// Looks for what is to be done, and does a page of it.
    pub(super) fn carry_out(self: &Arc<Self>, at: usize, done: Completion<Outcome>) {
        let (routes, channel) = (Arc::clone(self), self.entries[at].route.channel.clone());
        let key = NoteKey { channel: channel.clone(), name: PROGRESS.into() };
        self.node.notes.read(
            &key,
            Box::new(move |note| match note {
                Ok(note) => {
                    let reached = note.as_ref().and_then(|note| read_place(&note.value));
                    let since = reached.clone();
                    routes.read(at, (note, reached), since, done);
                }
                Err(error) => done(Outcome::Failed(error)),
            }),
        );
    }

    fn read(
        self: &Arc<Self>,
        at: usize,
        (note, reached): (Option<Note>, Option<Position>),
        since: Option<Position>,
        done: Completion<Outcome>,
    ) {
        let (routes, channel) = (Arc::clone(self), self.entries[at].route.channel.clone());
        let query = HistoryQuery { since: since.clone(), limit: PAGE, reverse: false };
        self.node.history(
            &channel,
            query,
            Box::new(move |page| {
                let mut page = match page {
                    Ok(page) => page,
                    Err(error) => return done(Outcome::Failed(error)),
                };
                let publications = std::mem::take(&mut page.publications);
                let lineage = Arc::new(page.clone());
                page.publications = publications;
                match next(reached.as_ref(), since.as_ref(), page) {
                    Next::Nothing => done(Outcome::Done),
                    Next::ReadAgain(query) => routes.read(at, (note, reached), query.since, done),
                    Next::Do(stretch) => routes.hand_out(at, note, stretch, &lineage, done),
                }
            }),
        );
    }

    /// Puts a stretch of the stream into the inboxes, and notes that it is done.
    fn hand_out(
        self: &Arc<Self>,
        at: usize,
        note: Option<Note>,
        stretch: Stretch,
        lineage: &Arc<HistoryPage>,
        done: Completion<Outcome>,
    ) {
        let mut users: HashMap<UserId, Messages> = HashMap::new();
        let mut misfits = 0;
        let address = &self.entries[at].route.address;
        for publication in &stretch.publications {
            match address(&publication.data).filter(|(user, data)| self.fits(user, data)) {
                Some((user, data)) => {
                    users.entry(user).or_default().push_back((publication.position(), data));
                }
                None => misfits += 1,
            }
        }
        let Stretch { up_to, more, gone, .. } = stretch;
        let routes = Arc::clone(self);
        let finished: Done = Box::new(move |outcome| match outcome {
            Ok(()) => {
                routes.note_progress(at, note.as_ref(), (&up_to, more), (misfits, gone), done);
            }
            Err(error) => done(Outcome::Failed(error)),
        });
        let together = Together::new(users.len(), finished);
        for (user, messages) in users {
            let Some(inbox) = ChannelName::personal(&user) else { continue };
            let handing = Handing {
                routes: Arc::clone(self),
                from: self.entries[at].route.channel.clone(),
                lineage: Arc::clone(lineage),
                inbox,
            };
            let together = Arc::clone(&together);
            handing.hand(
                messages,
                None,
                NOTE_ATTEMPTS,
                Box::new(move |outcome| together.one(outcome)),
            );
        }
        together.one(Ok(()));
    }

    /// Whether this can be put into an inbox.
    pub(super) fn fits(&self, user: &UserId, data: &Bytes) -> bool {
        data.len() <= self.node.limits.payload_bytes() && ChannelName::personal(user).is_some()
    }

    fn note_progress(
        self: &Arc<Self>,
        at: usize,
        note: Option<&Note>,
        (up_to, more): (&Position, bool),
        (misfits, gone): (u64, Option<Gone>),
        done: Completion<Outcome>,
    ) {
        let channel = self.entries[at].route.channel.clone();
        let key = NoteKey { channel: channel.clone(), name: PROGRESS.into() };
        let wanted = Wanted { value: write_place(up_to), due: Due::Never };
        let change = Change::of(key, note, Some(wanted));
        let routes = Arc::clone(self);
        self.node.notes.change(
            change,
            Box::new(move |changed| {
                done(match changed {
                    // Told and counted by one node, however many were at it.
                    Ok(Changed::Made { .. }) => {
                        let metrics = &routes.node.metrics.node;
                        metrics.route_misfits.add(misfits);
                        if let Some(gone) = gone {
                            metrics.route_gone.add(gone.publications.max(1));
                            (routes.trouble)(&channel, Trouble::Gone(gone));
                        }
                        if more { Outcome::More } else { Outcome::Done }
                    }
                    // Another node was at it as well.
                    Ok(_) => Outcome::More,
                    Err(error) => Outcome::Failed(error),
                });
            }),
        );
    }
}

/// Several things at the same time, and what becomes of all of them.
struct Together {
    /// Those that are not done, and one more for whoever begins them.
    left: AtomicUsize,
    outcome: Mutex<(Result<(), BackendError>, Option<Done>)>,
}

impl Together {
    fn new(several: usize, done: Done) -> Arc<Self> {
        let outcome = Mutex::new((Ok(()), Some(done)));
        Arc::new(Self { left: AtomicUsize::new(several + 1), outcome })
    }

    fn one(&self, outcome: Result<(), BackendError>) {
        let mut all = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.is_err() {
            all.0 = outcome;
        }
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let (outcome, done) = (all.0.clone(), all.1.take());
        drop(all);
        if let Some(done) = done {
            done(outcome);
        }
    }
}

/// Putting messages of one stream into one inbox.
struct Handing {
    routes: Arc<Routes>,
    from: ChannelName,
    /// The stream, as it was when the messages were read.
    lineage: Arc<HistoryPage>,
    inbox: ChannelName,
}

impl Handing {
    fn key(&self) -> NoteKey {
        NoteKey { channel: self.inbox.clone(), name: tidying::from(&self.from) }
    }

    /// Puts those in that are not there yet, one after the other. `known` is the note as it was a
    /// moment ago.
    fn hand(self, mut messages: Messages, known: Option<Option<Note>>, attempts: u32, done: Done) {
        let notes = Arc::clone(&self.routes.node.notes);
        let Some(note) = known else {
            let key = self.key();
            return notes.read(
                &key,
                Box::new(move |note| match note {
                    Ok(note) => self.hand(messages, Some(note), attempts, done),
                    Err(error) => done(Err(error)),
                }),
            );
        };
        let last = note.as_ref().and_then(|note| read_place(&note.value));
        if let Some(last) = last {
            messages.retain(|(place, _)| !is_done(&last, place.offset, &self.lineage));
        }
        let Some((place, data)) = messages.front().cloned() else { return done(Ok(())) };
        let Some(options) = self.routes.node.namespaces.inbox() else { return done(Ok(())) };
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
                Ok(_) => done(Err(BackendError::Overloaded)),
                Err(error) => done(Err(error)),
            }),
        );
    }
}
