//! Carrying a route out, a page of its stream at a time.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::backend::Completion;
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::identity::UserId;
use trunkline_core::limits::NOTE_ATTEMPTS;
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey, Wanted};
use trunkline_core::position::Position;
use trunkline_core::route::{Gone, Next, Stretch, next, read_place, write_place};

use super::handing::{Done, Handed, Handing, Messages, Together};
use super::{Outcome, Routes, Trouble};

/// What of a page is not in any inbox.
struct Missing {
    /// They name nobody, or carry nothing for them.
    misfits: u64,
    /// Gone before they could be read.
    gone: Option<Gone>,
    /// Those whose inboxes had no room for them.
    lost: u64,
}

/// Publications that are looked at together: those for different users are put into their inboxes at
/// the same time.
const PAGE: usize = 128;

/// What the note of a route's progress is called.
const PROGRESS: &str = "route";

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
        let finished: Done = Box::new(move |handed| match handed {
            Handed::All { lost } => {
                let missing = Missing { misfits, gone, lost };
                routes.note_progress(at, note.as_ref(), (&up_to, more), missing, done);
            }
            Handed::Outdated => done(Outcome::More),
            Handed::Failed(error) => done(Outcome::Failed(error)),
        });
        let together = Together::new(users.len(), finished);
        for (user, messages) in users {
            let Some(inbox) = ChannelName::personal(&user) else { continue };
            let handing = Handing {
                routes: Arc::clone(self),
                from: self.entries[at].route.channel.clone(),
                lineage: Arc::clone(lineage),
                inbox,
                elsewhere: None,
            };
            let together = Arc::clone(&together);
            let handed: Done = Box::new(move |handed| together.one(handed));
            handing.hand(messages, None, NOTE_ATTEMPTS, handed);
        }
        together.one(Handed::All { lost: 0 });
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
        missing: Missing,
        done: Completion<Outcome>,
    ) {
        let channel = self.entries[at].route.channel.clone();
        let key = NoteKey { channel, name: PROGRESS.into() };
        let wanted = Wanted { value: write_place(up_to), due: Due::Never };
        let change = Change::of(key, note, Some(wanted));
        let routes = Arc::clone(self);
        self.node.notes.change(
            change,
            Box::new(move |changed| {
                done(match changed {
                    // Told and counted by one node, however many were at it.
                    Ok(Changed::Made { .. }) => {
                        routes.tell_missing(at, &missing);
                        if more { Outcome::More } else { Outcome::Done }
                    }
                    // Another node was at it as well.
                    Ok(_) => Outcome::More,
                    Err(error) => Outcome::Failed(error),
                });
            }),
        );
    }

    /// Counts what is not in any inbox, and tells of it.
    fn tell_missing(&self, at: usize, Missing { misfits, gone, lost }: &Missing) {
        let (entry, metrics) = (&self.entries[at], &self.node.metrics.node);
        let channel = &entry.route.channel;
        metrics.route_misfits.add(*misfits);
        if let Some(gone) = gone {
            metrics.route_gone.add(gone.publications.max(1));
            (self.trouble)(channel, Trouble::Gone(*gone));
        }
        metrics.route_gone.add(*lost);
        let was_crowded = std::mem::replace(&mut entry.state().crowded, *lost > 0);
        if *lost > 0 && !was_crowded {
            (self.trouble)(channel, Trouble::NoRoom(*lost));
        }
    }
}
