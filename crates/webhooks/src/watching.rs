//! Stands before a backend, and sees to it that somebody looks at what has entered an inbox: before
//! its publisher has an answer, so that what was acknowledged is looked at whichever node dies.

use std::sync::Arc;

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::note::{Change, Changed, Note, NoteKey, Notes, Pending, Window};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};

use crate::reminders::{arming, rearming};
use crate::shared::Shared;

/// How often it is tried to arm a reminder that others change at the same time.
const ATTEMPTS: u32 = 3;

/// A backend whose inboxes are looked after.
#[derive(Clone)]
pub(crate) struct Watching {
    pub(crate) shared: Arc<Shared>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) notes: Arc<dyn Notes>,
    pub(crate) after_ms: u64,
}

/// Whether a draft is a message for a user.
fn is_message(draft: &Draft) -> bool {
    draft.channel.is_personal() && draft.retention.is_some()
}

impl Watching {
    /// Has an inbox looked at, then goes on.
    fn arm(self, channel: ChannelName, attempts: u32, then: Box<dyn FnOnce() + Send>) {
        let notes = Arc::clone(&self.notes);
        let change = arming(&self.shared, &channel, self.after_ms);
        let armed = move |changed: Result<Changed, BackendError>| {
            let about_to_go = match changed {
                Ok(Changed::Refused(Some(note))) => rearming(&note),
                // Where it cannot be noted the message is there all the same.
                _ => None,
            };
            let Some(change) = about_to_go else { return then() };
            let notes = Arc::clone(&self.notes);
            let rearmed = move |changed: Result<Changed, BackendError>| match changed {
                // It has gone, or is another one.
                Ok(Changed::Refused(_)) if attempts > 1 => self.arm(channel, attempts - 1, then),
                _ => then(),
            };
            notes.change(change, Box::new(rearmed));
        };
        notes.change(change, Box::new(armed));
    }
}

impl Backend for Watching {
    fn guarantees(&self) -> Guarantees {
        self.backend.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        if !is_message(&draft) {
            return self.backend.publish(draft, done);
        }
        let (later, channel) = (self.clone(), draft.channel.clone());
        let published = move |outcome: Result<Published, BackendError>| match outcome {
            Ok(published) => later.arm(channel, ATTEMPTS, Box::new(move || done(Ok(published)))),
            Err(error) => done(Err(error)),
        };
        self.backend.publish(draft, Box::new(published));
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.backend.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.backend.history(channel, query, done);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.backend.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.backend.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.backend.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.backend.signal(to, signal);
    }
}

impl Notes for Watching {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        self.notes.read(key, done);
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        let channel = change.draft.as_ref().filter(|draft| is_message(draft));
        let Some(channel) = channel.map(|draft| draft.channel.clone()) else {
            return self.notes.change(change, done);
        };
        let later = self.clone();
        let changed = move |outcome: Result<Changed, BackendError>| match outcome {
            Ok(changed @ Changed::Made { .. }) => {
                later.arm(channel, ATTEMPTS, Box::new(move || done(Ok(changed))));
            }
            other => done(other),
        };
        self.notes.change(change, Box::new(changed));
    }

    fn shares(&self) -> u16 {
        self.notes.shares()
    }

    fn share_of(&self, channel: &ChannelName) -> u16 {
        self.notes.share_of(channel)
    }

    fn pending(&self, share: u16, window: Window, done: Completion<Result<Pending, BackendError>>) {
        self.notes.pending(share, window, done);
    }
}
