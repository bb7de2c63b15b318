//! Publishes what was scheduled, when it is due.
//!
//! Schedules are notes, divided into shares by the backend; nodes divide the shares among each other
//! ([`Node::is_up_to_me`]). Each share is looked through whenever the first of its schedules is due, or
//! after a moment anyway, as others may have added some: what is to be done follows from what is
//! there, and nothing is lost with a timer. A schedule that is overdue is carried out by whoever sees
//! it. That two do so at once does no harm: one of the changes is refused.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::{
    CLOCK_OFF_MS, SCHEDULE_LOOK_MS, SCHEDULE_OVERDUE_MS, SCHEDULES_AT_ONCE,
};
use trunkline_core::note::{Change, Changed, Note, NoteKey, Pending, Window};
use trunkline_core::publication::Draft;
use trunkline_core::schedule::{Entry, Firing, PREFIX, Rule, Schedule, fire};
use trunkline_core::time::{Tick, WallTime};

use crate::node::Node;

/// Shares that are looked through at the same time, so that a backend with many is not asked for all
/// of them in one moment.
const LOOKS_AT_ONCE: usize = 64;

/// How long a node waits before it looks again where that, or what came of it, has failed, in
/// milliseconds: a backend in trouble is not helped by haste.
const RETRY_MS: u64 = 1_000;

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

/// The schedules of a node.
pub(crate) struct Schedules {
    form: Arc<dyn ScheduleForm>,
    shares: Mutex<Vec<Share>>,
    /// Shares that are being looked through.
    looking: AtomicUsize,
    /// What time it was on the wall when it was last asked for work.
    wall: AtomicU64,
    /// How far this node's clock is from the backend's, at least.
    clock_off_ms: AtomicU64,
    /// Rung when there may be work before the next look.
    bell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Clone, Default)]
struct Share {
    /// When it is to be looked through.
    at: Tick,
    /// Behind which note: what is due may take several pages, and not all of it are schedules.
    after: Option<(WallTime, NoteKey)>,
    looking: bool,
    /// Something has come while it was being looked through.
    again: bool,
}

/// What a change is for.
#[derive(Clone, Copy)]
enum Purpose {
    Publish,
    /// It is too late.
    Drop,
    /// It can never be published.
    SetAside,
    /// It was remembered for long enough.
    Forget,
}

/// The changes of one page.
struct Round {
    left: AtomicUsize,
    failed: AtomicBool,
}

impl Schedules {
    pub(crate) fn new(form: Arc<dyn ScheduleForm>, shares: u16) -> Self {
        let shares = vec![Share::default(); usize::from(shares)];
        Self {
            form,
            shares: Mutex::new(shares),
            looking: AtomicUsize::new(0),
            wall: AtomicU64::new(0),
            clock_off_ms: AtomicU64::new(0),
            bell: OnceLock::new(),
        }
    }

    fn shares(&self) -> MutexGuard<'_, Vec<Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Calls `bell` whenever [`Node::run_schedules`] should be called before it has said. There is one
    /// bell; a second one is never rung.
    pub fn on_schedules(&self, bell: Box<dyn Fn() + Send + Sync>) {
        let _ = self.schedules.bell.set(bell); // There is one already.
    }

    /// By how much this node's clock differs from that of the backend, by which schedules are due, in
    /// milliseconds: at least so much, as far as can be told.
    #[must_use]
    pub fn clock_off_ms(&self) -> u64 {
        self.schedules.clock_off_ms.load(Ordering::Relaxed)
    }

    /// The same, if it is so much that it should not be.
    #[must_use]
    pub fn wrong_clock_ms(&self) -> Option<u64> {
        Some(self.clock_off_ms()).filter(|off| *off > CLOCK_OFF_MS)
    }

    /// Looks after the shares whose time has come; on the wall it is `wall`. Says in how many
    /// milliseconds it is to be called again, at most.
    pub fn run_schedules(self: &Arc<Self>, now: Tick, wall: WallTime) -> u64 {
        self.schedules.wall.store(wall.0, Ordering::Relaxed);
        let mut due = Vec::new();
        let mut soonest = now.after(SCHEDULE_LOOK_MS);
        {
            let mut shares = self.schedules.shares();
            let room = LOOKS_AT_ONCE.saturating_sub(self.schedules.looking.load(Ordering::Relaxed));
            for (share, state) in shares.iter_mut().enumerate() {
                if state.looking {
                    continue;
                }
                if state.at > now {
                    soonest = soonest.min(state.at);
                } else if due.len() < room {
                    state.looking = true;
                    due.push((share, state.after.take()));
                } else {
                    soonest = now.after(1);
                }
            }
            self.schedules.looking.fetch_add(due.len(), Ordering::Relaxed);
        }
        for (share, after) in due {
            self.look_through(share, after, now, wall);
        }
        soonest.since(now).max(1)
    }

    /// Something was scheduled here: its share is to be looked at, to see when it is due.
    fn expect_schedule(&self, share: u16) {
        if let Some(share) = self.schedules.shares().get_mut(usize::from(share)) {
            share.at = Tick(0);
            share.again = share.looking;
        }
    }

    fn look_through(
        self: &Arc<Self>,
        share: usize,
        after: Option<(WallTime, NoteKey)>,
        began: Tick,
        wall: WallTime,
    ) {
        let Ok(number) = u16::try_from(share) else { return };
        let window = Window { after, due_now: true, limit: SCHEDULES_AT_ONCE };
        let node = Arc::clone(self);
        let looked = move |pending: Result<Pending, BackendError>| match pending {
            Err(_) => node.look_again(share, began.after(RETRY_MS), None),
            Ok(pending) => {
                node.compare_clocks(wall, pending.now);
                node.carry_out(share, began, pending);
            }
        };
        self.notes.pending(number, window, Box::new(looked));
    }

    fn look_again(&self, share: usize, at: Tick, after: Option<(WallTime, NoteKey)>) {
        self.schedules.looking.fetch_sub(1, Ordering::Relaxed);
        if let Some(share) = self.schedules.shares().get_mut(share) {
            let at = if share.again { Tick(0) } else { at };
            *share = Share { at, after, looking: false, again: false };
        }
        self.ring();
    }

    fn ring(&self) {
        if let Some(bell) = self.schedules.bell.get() {
            bell();
        }
    }

    fn carry_out(self: &Arc<Self>, share: usize, began: Tick, pending: Pending) {
        let Pending { now, notes, next } = pending;
        let mine = self.is_up_to_me(&format!("schedules {share}"));
        // Of what is behind the page some is due as well.
        let more = next.is_some_and(|next| next <= now);
        let after = notes.last().and_then(|last| Some((last.due?, last.key.clone())));
        let after = after.filter(|_| more);
        let changes: Vec<(Change, Purpose)> = notes
            .into_iter()
            .filter(|note| {
                let due = note.due.map_or(u64::MAX, |due| due.0);
                mine || now.0.saturating_sub(due) >= SCHEDULE_OVERDUE_MS
            })
            .filter_map(|note| self.firing(&note, now))
            .collect();
        let wait = match next {
            _ if more => 0,
            // Whoever it falls to looks more often.
            _ if !mine => SCHEDULE_OVERDUE_MS,
            Some(next) => next.0.saturating_sub(now.0).clamp(1, SCHEDULE_LOOK_MS),
            None => SCHEDULE_LOOK_MS,
        };
        let at = began.after(wait);
        if changes.is_empty() {
            return self.look_again(share, at, after);
        }
        // It is looked through again when all of these are answered.
        let round = Arc::new(Round { left: AtomicUsize::new(changes.len()), failed: false.into() });
        for (change, purpose) in changes {
            let (node, round, after) = (Arc::clone(self), Arc::clone(&round), after.clone());
            let answered = move |changed: Result<Changed, BackendError>| {
                match changed {
                    Ok(Changed::Made { .. }) => node.count_schedule(purpose),
                    // Somebody else was faster.
                    Ok(_) => {}
                    Err(_) => round.failed.store(true, Ordering::Release),
                }
                if round.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    match round.failed.load(Ordering::Acquire) {
                        true => node.look_again(share, began.after(RETRY_MS), None),
                        false => node.look_again(share, at, after),
                    }
                }
            };
            self.notes.change(change, Box::new(answered));
        }
    }

    fn count_schedule(&self, purpose: Purpose) {
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
    fn firing(&self, note: &Note, now: WallTime) -> Option<(Change, Purpose)> {
        if !note.key.name.starts_with(PREFIX) {
            return None;
        }
        let form = &self.schedules.form;
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

    /// Compares the clocks. The backend has told its time after `asked`, and not after now.
    fn compare_clocks(&self, asked: WallTime, backend: WallTime) {
        let latest = self.schedules.wall.load(Ordering::Relaxed).saturating_add(SCHEDULE_LOOK_MS);
        let behind = asked.0.saturating_sub(backend.0);
        let ahead = backend.0.saturating_sub(latest);
        self.schedules.clock_off_ms.store(behind.max(ahead), Ordering::Relaxed);
    }

    /// Makes, changes or removes a schedule.
    pub fn change_schedule(
        self: &Arc<Self>,
        change: Change,
        done: Completion<Result<Changed, BackendError>>,
    ) {
        let node = Arc::clone(self);
        let share = self.notes.share_of(&change.key.channel);
        let told = move |changed: Result<Changed, BackendError>| {
            if let Ok(Changed::Made { due: Some(_), .. }) = &changed {
                // When exactly, the share says.
                node.expect_schedule(share);
                node.ring();
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
