//! Looks through the notes that are due, a share at a time.
//!
//! Notes are divided into shares by the backend; nodes divide the shares among each other
//! ([`Node::is_up_to_me`]). Each share is looked through whenever the first of its notes is due, or
//! after a moment anyway, as others may have added some: what is to be done follows from what is
//! there, and nothing is lost with a timer. What is overdue is carried out by whoever sees it. That
//! two do so at once does no harm: one of the changes is refused.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::limits::{
    CLOCK_OFF_MS, SCHEDULE_LOOK_MS, SCHEDULE_OVERDUE_MS, SCHEDULES_AT_ONCE,
};
use trunkline_core::note::{Change, Changed, Note, NoteKey, Pending, Window};
use trunkline_core::time::{Tick, WallTime};

use crate::node::Node;
use crate::redelivery;
use crate::schedules::Purpose;
use crate::tidying;

/// Shares that are looked through at the same time, so that a backend with many is not asked for all
/// of them in one moment.
const LOOKS_AT_ONCE: usize = 64;

/// Inboxes, and streams that are routed into them, of one page that are looked into. Each may take some megabytes while it is.
const INBOXES_AT_ONCE: usize = 16;

/// How long a node waits before it looks again where that, or what came of it, has failed, in
/// milliseconds: a backend in trouble is not helped by haste.
const RETRY_MS: u64 = 1_000;

/// The shares, as far as a node has looked through them.
pub(crate) struct Shares {
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

/// What a note that is due asks for.
enum Work {
    Schedule(Box<Change>, Purpose),
    Redeliver(Note),
    Tidy(Note),
}

/// What is done about one page.
struct Round {
    left: AtomicUsize,
    failed: AtomicBool,
}

impl Shares {
    pub(crate) fn new(shares: u16) -> Self {
        let shares = vec![Share::default(); usize::from(shares)];
        Self {
            shares: Mutex::new(shares),
            looking: AtomicUsize::new(0),
            wall: AtomicU64::new(0),
            clock_off_ms: AtomicU64::new(0),
            bell: OnceLock::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a note of this name asks to look into a stream when it is due.
fn looks_into_streams(name: &str) -> bool {
    *name == *redelivery::NOTE || tidying::concerns(name)
}

impl Node {
    /// Calls `bell` whenever [`Node::run_schedules`] should be called before it has said. There is one
    /// bell; a second one is never rung.
    pub fn on_schedules(&self, bell: Box<dyn Fn() + Send + Sync>) {
        let _ = self.due.bell.set(bell); // There is one already.
    }

    /// By how much this node's clock differs from that of the backend, by which schedules are due, in
    /// milliseconds: at least so much, as far as can be told.
    #[must_use]
    pub fn clock_off_ms(&self) -> u64 {
        self.due.clock_off_ms.load(Ordering::Relaxed)
    }

    /// The same, if it is so much that it should not be.
    #[must_use]
    pub fn wrong_clock_ms(&self) -> Option<u64> {
        Some(self.clock_off_ms()).filter(|off| *off > CLOCK_OFF_MS)
    }

    /// Looks after the shares whose time has come; on the wall it is `wall`. Says in how many
    /// milliseconds it is to be called again, at most.
    pub fn run_schedules(self: &Arc<Self>, now: Tick, wall: WallTime) -> u64 {
        self.due.wall.store(wall.0, Ordering::Relaxed);
        let mut due = Vec::new();
        let mut soonest = now.after(SCHEDULE_LOOK_MS);
        {
            let mut shares = self.due.lock();
            let room = LOOKS_AT_ONCE.saturating_sub(self.due.looking.load(Ordering::Relaxed));
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
            self.due.looking.fetch_add(due.len(), Ordering::Relaxed);
        }
        for (share, after) in due {
            self.look_through(share, after, now, wall);
        }
        soonest.since(now).max(1)
    }

    /// Something was scheduled here: its share is to be looked at, to see when it is due.
    pub(crate) fn expect_due(&self, share: u16) {
        if let Some(share) = self.due.lock().get_mut(usize::from(share)) {
            share.at = Tick(0);
            share.again = share.looking;
        }
        self.ring();
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
        self.due.looking.fetch_sub(1, Ordering::Relaxed);
        if let Some(share) = self.due.lock().get_mut(share) {
            let at = if share.again { Tick(0) } else { at };
            *share = Share { at, after, looking: false, again: false };
        }
        self.ring();
    }

    fn ring(&self) {
        if let Some(bell) = self.due.bell.get() {
            bell();
        }
    }

    fn carry_out(self: &Arc<Self>, share: usize, began: Tick, pending: Pending) {
        let Pending { now, mut notes, next } = pending;
        let inboxes =
            notes.iter().enumerate().filter(|(_, note)| looks_into_streams(&note.key.name));
        let cut = inboxes.map(|(at, _)| at).nth(INBOXES_AT_ONCE);
        notes.truncate(cut.unwrap_or(notes.len()));
        let mine = self.is_up_to_me(&format!("schedules {share}"));
        // Of what is behind the page some is due as well.
        let more = cut.is_some() || next.is_some_and(|next| next <= now);
        let after = notes.last().and_then(|last| Some((last.due?, last.key.clone())));
        let after = after.filter(|_| more);
        let works: Vec<Work> = notes
            .into_iter()
            .filter(|note| {
                let due = note.due.map_or(u64::MAX, |due| due.0);
                mine || now.0.saturating_sub(due) >= SCHEDULE_OVERDUE_MS
            })
            .filter_map(|note| self.work(note, now))
            .collect();
        let wait = match next {
            _ if more => 0,
            // Whoever it falls to looks more often.
            _ if !mine => SCHEDULE_OVERDUE_MS,
            Some(next) => next.0.saturating_sub(now.0).clamp(1, SCHEDULE_LOOK_MS),
            None => SCHEDULE_LOOK_MS,
        };
        let at = began.after(wait);
        if works.is_empty() {
            return self.look_again(share, at, after);
        }
        // It is looked through again when all of these are answered.
        let round = Arc::new(Round { left: AtomicUsize::new(works.len()), failed: false.into() });
        for work in works {
            let (node, round, after) = (Arc::clone(self), Arc::clone(&round), after.clone());
            let done = move |outcome: Result<(), BackendError>| {
                if outcome.is_err() {
                    round.failed.store(true, Ordering::Release);
                }
                if round.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    match round.failed.load(Ordering::Acquire) {
                        true => node.look_again(share, began.after(RETRY_MS), None),
                        false => node.look_again(share, at, after),
                    }
                }
            };
            match work {
                Work::Schedule(change, purpose) => self.fire(*change, purpose, Box::new(done)),
                // An inbox that cannot be read holds no schedule up; it is due still.
                Work::Redeliver(note) => self.redeliver(note, now, Box::new(|_| done(Ok(())))),
                Work::Tidy(note) => self.tidy(note, Box::new(|_| done(Ok(())))),
            }
        }
    }

    fn work(&self, note: Note, now: WallTime) -> Option<Work> {
        if tidying::concerns(&note.key.name) {
            return Some(Work::Tidy(note));
        }
        if *note.key.name != *redelivery::NOTE {
            let firing = self.firing(&note, now);
            return firing.map(|(change, purpose)| Work::Schedule(Box::new(change), purpose));
        }
        if self.redeliver_ms > 0 {
            return Some(Work::Redeliver(note));
        }
        // From when messages came again: it would be due for ever.
        let change = Change::of(note.key.clone(), Some(&note), None);
        Some(Work::Schedule(Box::new(change), Purpose::Forget))
    }

    fn fire(
        self: &Arc<Self>,
        change: Change,
        purpose: Purpose,
        done: Completion<Result<(), BackendError>>,
    ) {
        let node = Arc::clone(self);
        let arming = change.draft.as_ref().and_then(|draft| self.arming(draft));
        let answered = move |changed: Result<Changed, BackendError>| {
            // Without enough copies it was made all the same, and nothing is due any more.
            let changed = match changed {
                Err(BackendError::Unconfirmed) => Ok(true),
                // Otherwise somebody else was faster.
                changed => changed.map(|changed| matches!(changed, Changed::Made { .. })),
            };
            if let Ok(true) = changed {
                node.count_schedule(purpose);
                if let Some(arming) = arming {
                    arming.begin();
                }
            }
            done(changed.map(drop));
        };
        self.notes.change(change, Box::new(answered));
    }

    /// Compares the clocks. The backend has told its time after `asked`, and not after now.
    fn compare_clocks(&self, asked: WallTime, backend: WallTime) {
        let latest = self.due.wall.load(Ordering::Relaxed).saturating_add(SCHEDULE_LOOK_MS);
        let behind = asked.0.saturating_sub(backend.0);
        let ahead = backend.0.saturating_sub(latest);
        self.due.clock_off_ms.store(behind.max(ahead), Ordering::Relaxed);
    }
}
