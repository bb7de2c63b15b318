//! Inboxes: what of a user's personal channel is read.
//!
//! See [`trunkline_core::inbox`] for what is remembered. An acknowledgement is one change of a note,
//! made against what the stream was a moment before, and tells all devices of the user in the same
//! step.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::inbox::{Ack, AckError, Inbox};
use trunkline_core::limits::NOTE_ATTEMPTS;
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey, Wanted};
use trunkline_core::position::Position;
use trunkline_core::publication::{Draft, Publication};
use trunkline_core::session::ReadInbox;

use crate::node::Node;

/// The name of the note.
pub(crate) const NOTE: &str = "inbox";

/// The tag of a publication that says what is read, and takes no place in the inbox.
pub const STATE_TAG: (&str, &str) = ("inbox", "state");

/// Why something could not be done with an inbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// It makes no sense.
    #[error(transparent)]
    Ack(#[from] AckError),
    /// It cannot be done now.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// What is in an inbox.
#[derive(Clone, Debug)]
pub struct Unread {
    /// What is read.
    pub inbox: Inbox,
    /// Unread messages, oldest first.
    pub messages: Vec<Arc<Publication>>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// Told what came of it.
type Done<T> = Completion<Result<T, InboxError>>;

impl Node {
    /// What is unread in the inbox whose channel this is: `limit` messages at most, behind the
    /// offset `after`.
    pub fn unread(
        self: &Arc<Self>,
        channel: &ChannelName,
        (after, limit): (u64, usize),
        done: Done<Unread>,
    ) {
        let told = move |found: Result<Unread, BackendError>| done(found.map_err(Into::into));
        self.find_unread(channel, (after, limit), Box::new(told));
    }

    /// The same, for whoever acknowledges nothing.
    pub(crate) fn find_unread(
        self: &Arc<Self>,
        channel: &ChannelName,
        (after, limit): (u64, usize),
        done: Completion<Result<Unread, BackendError>>,
    ) {
        let (node, channel) = (Arc::clone(self), channel.clone());
        self.look_into(&channel.clone(), None, move |found| {
            let (inbox, _) = match found {
                Ok(found) => found,
                Err(error) => return done(Err(error)),
            };
            let more = inbox.unread() > 0;
            let unread = Unread { inbox, messages: Vec::new(), more };
            match limit {
                0 => done(Ok(unread)),
                _ => node.gather(channel, unread, (after, limit), done),
            }
        });
    }

    /// Reads on until so many are found, or the stream ends. Each page begins at a message that is
    /// unread, so that there are no more pages than messages asked for, unless some are dropped
    /// meanwhile; and each passes over `limit` of those acknowledged out of order, which are bounded.
    fn gather(
        self: &Arc<Self>,
        channel: ChannelName,
        mut unread: Unread,
        (after, limit): (u64, usize),
        done: Completion<Result<Unread, BackendError>>,
    ) {
        let since =
            Position { offset: unread.inbox.next_unread(after) - 1, ..unread.inbox.read_up_to() };
        let query = HistoryQuery { since: Some(since), limit, reverse: false };
        let (node, of) = (Arc::clone(self), channel.clone());
        let read = move |page: Result<HistoryPage, BackendError>| {
            let page = match page {
                Ok(page) => page,
                Err(error) => return done(Err(error)),
            };
            let Unread { inbox, messages, more } = &mut unread;
            let read_to = page.publications.last().map(|last| last.offset);
            let some = page.publications.into_iter().filter(|one| inbox.is_unread(one.offset));
            messages.extend(some.take(limit - messages.len()));
            let full = messages.len() == limit;
            let seen = messages.last().filter(|_| full).map(|last| last.offset).or(read_to);
            *more = seen.is_some_and(|seen| inbox.next_unread(seen) <= page.top.offset);
            match seen {
                Some(seen) if *more && !full => node.gather(channel, unread, (seen, limit), done),
                _ => done(Ok(unread)),
            }
        };
        self.history(&of, query, Box::new(read));
    }

    /// Looks into an inbox, then reads its stream: whoever listens already misses nothing.
    pub(crate) fn open_inbox(
        self: &Arc<Self>,
        channel: &ChannelName,
        read: ReadInbox,
        done: Completion<Result<(Inbox, HistoryPage), BackendError>>,
    ) {
        let (node, channel) = (Arc::clone(self), channel.clone());
        self.look_into(&channel.clone(), None, move |found| {
            let (inbox, _) = match found {
                Ok(found) => found,
                Err(error) => return done(Err(error)),
            };
            let query = match read {
                ReadInbox::Query(query) => query,
                ReadInbox::Unread(limit) => {
                    let since = Some(inbox.read_up_to());
                    HistoryQuery { since, limit, reverse: false }
                }
            };
            let read = move |page: Result<HistoryPage, _>| done(page.map(|page| (inbox, page)));
            node.history(&channel, query, Box::new(read));
        });
    }

    /// Acknowledges messages, and tells all devices of the user.
    pub fn acknowledge(self: &Arc<Self>, channel: &ChannelName, ack: Ack, done: Done<Inbox>) {
        self.try_acknowledge(channel.clone(), ack, None, NOTE_ATTEMPTS, done);
    }

    fn try_acknowledge(
        self: &Arc<Self>,
        channel: ChannelName,
        ack: Ack,
        known: Option<Option<Note>>,
        attempts: u32,
        done: Done<Inbox>,
    ) {
        let node = Arc::clone(self);
        self.look_into(&channel.clone(), known, move |found| {
            let (mut inbox, note) = match found {
                Ok(found) => found,
                Err(error) => return done(Err(error.into())),
            };
            if let Err(error) = inbox.acknowledge(&ack) {
                return done(Err(error.into()));
            }
            if note.as_ref().is_some_and(|note| note.value == inbox.to_bytes()) {
                return done(Ok(inbox));
            }
            let known = note.as_ref().map_or(0, |note| Inbox::from_bytes(&note.value).dropped());
            let dropped = inbox.dropped().saturating_sub(known);
            let change = change(&channel, note.as_ref(), &inbox, node.inbox_tidied());
            let after = Arc::clone(&node);
            node.notes.change(
                change,
                Box::new(move |changed| match changed {
                    Ok(Changed::Made { .. }) => {
                        // By whoever noted it: once.
                        after.metrics.node.inbox_dropped.add(dropped);
                        done(Ok(inbox));
                    }
                    Ok(Changed::Refused(note)) if attempts > 1 => {
                        after.try_acknowledge(channel, ack, Some(note), attempts - 1, done);
                    }
                    Ok(_) => done(Err(BackendError::Overloaded.into())),
                    Err(error) => done(Err(error.into())),
                }),
            );
        });
    }

    /// Brings what is noted, or was a moment ago, together with what the stream is.
    fn look_into(
        self: &Arc<Self>,
        channel: &ChannelName,
        known: Option<Option<Note>>,
        done: impl FnOnce(Result<(Inbox, Option<Note>), BackendError>) + Send + 'static,
    ) {
        if let Some(note) = known {
            return self.compare(channel, note, done);
        }
        let (node, channel) = (Arc::clone(self), channel.clone());
        self.notes.read(
            &key(&channel),
            Box::new(move |note| match note {
                Ok(note) => node.compare(&channel, note, done),
                Err(error) => done(Err(error)),
            }),
        );
    }

    fn compare(
        &self,
        channel: &ChannelName,
        note: Option<Note>,
        done: impl FnOnce(Result<(Inbox, Option<Note>), BackendError>) + Send + 'static,
    ) {
        let mut inbox =
            note.as_ref().map_or_else(Inbox::default, |note| Inbox::from_bytes(&note.value));
        let compared = move |page: Result<HistoryPage, BackendError>| {
            done(page.map(|page| {
                let oldest = page.publications.first().map(|oldest| oldest.offset);
                inbox.look(&page.top, oldest, &page.ancestors);
                (inbox, note)
            }));
        };
        let oldest = HistoryQuery { since: None, limit: 1, reverse: false };
        self.history(channel, oldest, Box::new(compared));
    }
}

fn key(channel: &ChannelName) -> NoteKey {
    NoteKey { channel: channel.clone(), name: NOTE.into() }
}

fn change(channel: &ChannelName, note: Option<&Note>, inbox: &Inbox, due: Due) -> Change {
    let (key_of_tag, value) = STATE_TAG;
    let wanted = Wanted { value: inbox.to_bytes(), due };
    Change {
        draft: Some(Draft {
            data: Bytes::from(inbox.to_json()),
            tags: vec![(key_of_tag.into(), value.into())],
            ..Draft::new(channel.clone())
        }),
        ..Change::of(key(channel), note, Some(wanted))
    }
}
