//! Publishes what was scheduled, when it is due.
//!
//! What a note that is due asks for, and what schedules look like. `due` looks through them.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Change, Changed, Note, NoteKey, Pending, Window};
use trunkline_core::publication::Draft;
use trunkline_core::schedule::{Entry, Firing, PREFIX, Rule, Schedule, fire};
use trunkline_core::time::WallTime;

use crate::node::Node;

/// What schedules look like in notes, and what cron expressions mean. A port: both are for others to
/// know.
pub trait ScheduleForm: Send + Sync {
    /// Reads what a note says; none if that is nonsense.
    fn read(&self, value: &[u8]) -> Option<Entry>;

    /// Writes what a note is to say.
    fn write(&self, entry: &Entry) -> Bytes;

    /// Whether a payload may stand in a channel that does not carry any bytes there are.
    fn is_text(&self, data: &[u8]) -> bool;

    /// When something comes again, behind a time; none if never, or if the rule is none.
    fn next(&self, rule: &Rule, after: WallTime) -> Option<WallTime>;
}

/// For nodes on which nothing is scheduled: there is no form, and nothing comes again.
#[derive(Clone, Copy, Debug)]
pub struct NoSchedules;

impl ScheduleForm for NoSchedules {
    fn read(&self, _: &[u8]) -> Option<Entry> {
        None
    }

    fn write(&self, _: &Entry) -> Bytes {
        Bytes::new()
    }

    fn is_text(&self, _: &[u8]) -> bool {
        false
    }

    fn next(&self, _: &Rule, _: WallTime) -> Option<WallTime> {
        None
    }
}

/// What a change is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Publish,
    /// It is too late.
    Drop,
    /// It can never be published.
    SetAside,
    /// It was remembered for long enough.
    Forget,
}

impl Node {
    pub(crate) fn count_schedule(&self, purpose: Purpose) {
        let counters = &self.metrics.node;
        match purpose {
            Purpose::Publish => {
                counters.schedules_fired.add(1);
                counters.publications.add(1);
            }
            Purpose::Drop => counters.schedules_late.add(1),
            Purpose::SetAside => counters.schedules_bad.add(1),
            Purpose::Forget => {}
        }
    }

    /// The change that a note which is due asks for, and what for. A note that cannot be published,
    /// as nobody understands it or its channel cannot be, is removed: it would be due for ever.
    pub(crate) fn firing(&self, note: &Note, now: WallTime) -> Option<(Change, Purpose)> {
        if !note.key.name.starts_with(PREFIX) {
            return None;
        }
        let form = &self.schedule_form;
        let entry = form.read(&note.value);
        let options = self.namespaces.options(&note.key.channel);
        let sound = entry.zip(options).filter(|(entry, options)| match entry {
            Entry::Waiting(schedule) => options.binary || form.is_text(&schedule.data),
            Entry::Fired => true,
        });
        let Some((entry, options)) = sound else {
            let change = Change::of(note.key.clone(), Some(note), None);
            let change = Change { when_due: true, ..change };
            return Some((change, Purpose::SetAside));
        };
        let next = |rule: &Rule, after| form.next(rule, after);
        // Not early, whatever the namespace says: what was delivered and not stored would be
        // delivered once more after a crash.
        let draft = |schedule: &Schedule| Draft {
            data: schedule.data.clone(),
            tags: schedule.tags.clone(),
            retention: options.retention.filter(|_| !schedule.skip_history),
            early: false,
            ..Draft::within(note.key.channel.clone(), options)
        };
        match fire(note, &entry, now, next, |entry| form.write(entry), draft) {
            Firing::Do { change, late: true } => Some((*change, Purpose::Drop)),
            Firing::Do { change, late: false } => {
                let publishes = change.draft.is_some();
                let purpose = if publishes { Purpose::Publish } else { Purpose::Forget };
                Some((*change, purpose))
            }
            Firing::Nothing => None,
        }
    }

    /// Makes, changes or removes a schedule. It is then as durable as a publication of its channel.
    pub fn change_schedule(
        self: &Arc<Self>,
        mut change: Change,
        done: Completion<Result<Changed, BackendError>>,
    ) {
        let node = Arc::clone(self);
        let share = self.notes.share_of(&change.key.channel);
        let options = self.namespaces.options(&change.key.channel);
        change.replicas = options.map_or(0, |options| options.replicas);
        let told = move |changed: Result<Changed, BackendError>| {
            // Without enough copies it was made all the same.
            if let Ok(Changed::Made { due: Some(_), .. }) | Err(BackendError::Unconfirmed) =
                &changed
            {
                // When exactly, the share says.
                node.expect_due(share);
            }
            done(changed);
        };
        self.notes.change(change, Box::new(told));
    }

    /// What time it is by the clock of the backend, where the notes of a channel are.
    pub fn backend_time(
        &self,
        channel: &ChannelName,
        done: Completion<Result<WallTime, BackendError>>,
    ) {
        let window = Window { after: None, due_now: true, limit: 0 };
        let told = move |pending: Result<Pending, _>| done(pending.map(|pending| pending.now));
        self.notes.pending(self.notes.share_of(channel), window, Box::new(told));
    }

    /// Into how many shares notes are divided.
    #[must_use]
    pub fn shares(&self) -> u16 {
        self.notes.shares()
    }

    /// In which of them those of a channel are.
    #[must_use]
    pub fn share_of(&self, channel: &ChannelName) -> u16 {
        self.notes.share_of(channel)
    }

    /// Notes of a share that are due at some time.
    pub fn pending(
        &self,
        share: u16,
        window: Window,
        done: Completion<Result<Pending, BackendError>>,
    ) {
        self.notes.pending(share, window, done);
    }

    /// A note as it is.
    pub fn note(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        self.notes.read(key, done);
    }
}
