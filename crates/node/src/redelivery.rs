//! Messages of inboxes that come again until somebody acknowledges them.
//!
//! Beside an inbox in which something may be unread is a note, due when the next of its messages is to
//! come again. Each message comes when it has been unread for long enough, and again and again, each
//! time after twice as long. The note is made after a message has entered, and nobody waits for that:
//! where it cannot be made the message is in the inbox all the same.
//!
//! Who looks into an inbox first changes the note, then sends what is to come: of several nodes one
//! does. What is sent takes no place in the inbox, so that nobody's position moves; tags say that it
//! comes again, and which message it is.

mod pace;

use std::sync::Arc;

use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::{INBOX_AGAIN, NOTE_ATTEMPTS};
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey, Notes, Wanted};
use trunkline_core::publication::{Draft, Publication};
use trunkline_core::time::WallTime;

use self::pace::{Fate, Looked, judge};
use crate::inbox::Unread;
use crate::node::Node;

/// The name of the note.
pub(crate) const NOTE: &str = "again";

/// The tag of a message that comes again.
pub const AGAIN_TAG: (&str, &str) = ("inbox", "again");

/// The tag that says which message it is: its offset in the inbox.
pub const OFFSET_TAG: &str = "offset";

/// What is to be done when a message has entered an inbox.
pub(crate) struct Arming {
    notes: Arc<dyn Notes>,
    inbox: ChannelName,
    after_ms: u64,
}

impl Arming {
    /// Sees to it that the inbox is looked into.
    pub(crate) fn begin(self) {
        self.attempt(None, NOTE_ATTEMPTS);
    }

    fn attempt(self, known: Option<&Note>, attempts: u32) {
        let looked = known.map(|note| Looked::from_bytes(&note.value));
        if looked.is_some_and(|looked| looked.soon) {
            return;
        }
        let looked = Looked { soon: true, ..looked.unwrap_or_default() };
        let wanted = Wanted { value: looked.to_bytes(), due: Due::In(self.after_ms) };
        let key = NoteKey { channel: self.inbox.clone(), name: NOTE.into() };
        let change = Change::of(key, known, Some(wanted));
        let notes = Arc::clone(&self.notes);
        let changed = move |changed: Result<Changed, BackendError>| match changed {
            Ok(Changed::Refused(note)) if attempts > 1 => self.attempt(note.as_ref(), attempts - 1),
            _ => {}
        };
        notes.change(change, Box::new(changed));
    }
}

impl Node {
    /// What is to be done once this is published, if it is a message that may have to come again.
    pub(crate) fn arming(&self, draft: &Draft) -> Option<Box<Arming>> {
        if self.redeliver_ms == 0 || draft.retention.is_none() || !draft.channel.is_personal() {
            return None;
        }
        let (notes, inbox) = (Arc::clone(&self.notes), draft.channel.clone());
        Some(Box::new(Arming { notes, inbox, after_ms: self.redeliver_ms }))
    }

    /// A note is due: sends what is to come again, if nobody else does.
    pub(crate) fn redeliver(
        self: &Arc<Self>,
        note: Note,
        now: WallTime,
        done: Completion<Result<(), BackendError>>,
    ) {
        let (node, inbox) = (Arc::clone(self), note.key.channel.clone());
        let gathered = move |found: Result<Unread, BackendError>| {
            let (any, mut messages) = match found {
                Ok(Unread { inbox, messages, .. }) => (inbox.unread() > 0, messages),
                Err(error) => return done(Err(error)),
            };
            let looked = Looked::from_bytes(&note.value);
            let sent = messages.iter().map(|message| message.time);
            let wanted = match judge(looked, (any, sent), now, node.redeliver_ms) {
                Fate::Forget => None,
                Fate::Again(looked, due) => {
                    Some(Wanted { value: looked.to_bytes(), due: Due::At(due) })
                }
            };
            messages.retain(|message| looked.missed(message.time, now, node.redeliver_ms));
            let change = Change::of(note.key.clone(), Some(&note), wanted);
            let change = Change { when_due: true, ..change };
            let after = Arc::clone(&node);
            let changed = move |changed: Result<Changed, BackendError>| {
                if let Ok(Changed::Made { .. }) = changed {
                    messages
                        .iter()
                        .for_each(|message| after.send_again(&note.key.channel, message));
                }
                done(changed.map(drop));
            };
            node.notes.change(change, Box::new(changed));
        };
        self.find_unread(&inbox, (0, INBOX_AGAIN), Box::new(gathered));
    }

    fn send_again(&self, inbox: &ChannelName, message: &Publication) {
        let (state, again) = AGAIN_TAG;
        let mut tags = message.tags.clone();
        // Whatever they said, they are ours here.
        tags.retain(|(key, _)| **key != *state && **key != *OFFSET_TAG);
        tags.push((state.into(), again.into()));
        tags.push((OFFSET_TAG.into(), message.offset.to_string().into()));
        let (data, info) = (message.data.clone(), message.info.clone());
        let draft = Draft { data, info, tags, ..Draft::new(inbox.clone()) };
        let metrics = Arc::clone(&self.metrics);
        let sent = move |sent: Result<_, BackendError>| {
            // What fails comes when it is to come the next time.
            if sent.is_ok() {
                metrics.node.inbox_redelivered.add(1);
            }
        };
        self.publish(draft, Box::new(sent));
    }
}
