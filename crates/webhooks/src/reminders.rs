//! Tells of messages that nobody reads: a note for each inbox in which something has come, due when
//! the message will have been unread for too long.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Change, Due, Note};
use trunkline_core::time::WallTime;

use crate::event::What;
use crate::ledger::digits;
use crate::outbox::{Outcome, ask, to, value};
use crate::shared::Shared;

/// What the names of these notes begin with.
pub(crate) const PREFIX: &str = "unread:";

/// What is unread in an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Whose it is.
    pub user: String,
    /// How many messages.
    pub count: u64,
    /// The offset of the newest message there is, read or not.
    pub top: u64,
    /// When the oldest of those behind the place that was asked about was published; none if there is
    /// none.
    pub oldest: Option<WallTime>,
}

/// Whoever can look into inboxes.
pub trait Inboxes: Send + Sync {
    /// What is unread in the inbox whose channel this is, and how old what stands behind an offset.
    fn unread(
        &self,
        channel: &ChannelName,
        behind: u64,
        done: Completion<Result<Unread, BackendError>>,
    );
}

/// What a reminder says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reminder {
    channel: String,
    /// Up to which offset receivers were told.
    told: u64,
    /// Everything was read when it was looked at last: it is forgotten if that is so once more.
    idle: bool,
}

/// What becomes of a reminder.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is forgotten.
    Forget,
    /// It comes again after so many milliseconds.
    Again(Reminder, u64),
    /// It comes again, and receivers are told.
    Tell(Reminder, u64),
}

/// How reminders are made, and what becomes of them.
#[derive(Clone)]
pub(crate) struct Reminders {
    pub(crate) inboxes: Arc<dyn Inboxes>,
    pub(crate) after_ms: u64,
}

fn name(channel: &ChannelName) -> String {
    format!("{PREFIX}{}", digits(channel.as_str()))
}

/// The note that has an inbox looked at, for when there is none; and the change of one that was about
/// to be forgotten.
pub(crate) fn arming(shared: &Shared, channel: &ChannelName, after_ms: u64) -> Change {
    let reminder = Reminder { channel: channel.as_str().to_owned(), told: 0, idle: false };
    to(shared.outbox.key(&name(channel)), None, &reminder, Due::In(after_ms))
}

/// The change of a reminder that is about to be forgotten; none of another one.
pub(crate) fn rearming(note: &Note) -> Option<Change> {
    let reminder = value::<Reminder>(note).filter(|reminder| reminder.idle)?;
    let due = note.due.map_or(Due::Never, Due::At);
    Some(to(note.key.clone(), Some(note), &Reminder { idle: false, ..reminder }, due))
}

impl Reminders {
    /// A reminder is due.
    pub(crate) async fn remind(&self, shared: &Shared, note: &Note, now: WallTime) -> Outcome<()> {
        let reminder = value::<Reminder>(note);
        let channel = reminder.as_ref().and_then(|it| ChannelName::parse(&it.channel).ok());
        let Some((reminder, channel)) = reminder.zip(channel) else {
            return shared.outbox.remove(note).await;
        };
        let unread = ask(|done| self.inboxes.unread(&channel, reminder.told, done)).await??;
        let change = match judge(reminder, &unread, now, self.after_ms) {
            Fate::Forget => return shared.outbox.remove(note).await,
            Fate::Again(reminder, wait) => {
                to(note.key.clone(), Some(note), &reminder, Due::In(wait))
            }
            Fate::Tell(reminder, wait) => {
                let what = What::InboxUnread {
                    user: unread.user,
                    channel: reminder.channel.clone(),
                    unread: unread.count,
                    oldest: unread.oldest.map_or(0, |oldest| oldest.0),
                };
                let draft = shared.outbox.draft(&[shared.event(what)], Vec::new());
                Change { draft, ..to(note.key.clone(), Some(note), &reminder, Due::In(wait)) }
            }
        };
        shared.outbox.change(change).await.map(drop)
    }
}

fn judge(reminder: Reminder, unread: &Unread, now: WallTime, after_ms: u64) -> Fate {
    // The inbox is another one than it was.
    let told = if reminder.told > unread.top { 0 } else { reminder.told };
    let reminder = Reminder { told, ..reminder };
    if unread.count == 0 {
        return match reminder.idle {
            true => Fate::Forget,
            false => Fate::Again(Reminder { idle: true, ..reminder }, after_ms),
        };
    }
    let reminder = Reminder { idle: false, ..reminder };
    let Some(oldest) = unread.oldest else { return Fate::Again(reminder, after_ms) };
    let age = now.0.saturating_sub(oldest.0);
    match after_ms.checked_sub(age) {
        None | Some(0) => Fate::Tell(Reminder { told: unread.top, ..reminder }, after_ms),
        Some(wait) => Fate::Again(reminder, wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: u64 = 1_000;

    fn reminder(told: u64, idle: bool) -> Reminder {
        Reminder { channel: "#ann".into(), told, idle }
    }

    fn unread(count: u64, oldest: Option<u64>) -> Unread {
        Unread { user: "ann".into(), count, top: 9, oldest: oldest.map(WallTime) }
    }

    #[test]
    fn what_is_unread_for_long_enough_is_told_once() {
        let fate =
            |told, oldest| judge(reminder(told, false), &unread(2, oldest), WallTime(5_000), AFTER);
        assert_eq!(fate(0, Some(4_500)), Fate::Again(reminder(0, false), 500));
        assert_eq!(fate(0, Some(4_000)), Fate::Tell(reminder(9, false), AFTER));
        assert_eq!(fate(9, None), Fate::Again(reminder(9, false), AFTER), "nothing new");
        assert_eq!(fate(12, None), Fate::Again(reminder(0, false), AFTER), "another inbox");
    }

    #[test]
    fn what_is_read_is_forgotten_at_the_second_look() {
        let read = unread(0, None);
        let first = judge(reminder(3, false), &read, WallTime(0), AFTER);
        assert_eq!(first, Fate::Again(reminder(3, true), AFTER));
        assert_eq!(judge(reminder(3, true), &read, WallTime(0), AFTER), Fate::Forget);
        let again = judge(reminder(3, true), &unread(1, Some(0)), WallTime(10), AFTER);
        assert_eq!(again, Fate::Again(reminder(3, false), AFTER - 10));
    }
}
