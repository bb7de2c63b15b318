//! What the parts of a node's webhooks share: what has happened here and is not in the outbox yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, watch};
use trunkline_core::note::{Change, Due, Note};
use trunkline_core::observer::{Happening, Membership, Observer};
use trunkline_core::time::{Tick, WallTime};
use trunkline_telemetry::Metrics;

use crate::event::{Event, Kind, What};
use crate::ledger::{Correction, Life, name};
use crate::occupancy::{News, Occupancy, Place};
use crate::outbox::{Outbox, to};
use crate::present::Present;
use crate::queue::Queue;
use crate::wish::Wish;

/// How long to wait before the broker is asked again where it does not answer.
pub(crate) const RETRY: Duration = Duration::from_millis(500);

/// How long a place is held for whoever comes back at once, in milliseconds: a client that logs in leaves
/// its channels as nobody, and enters them as somebody.
const LINGER_MS: u64 = 100;

/// A time that does not come (the last millisecond of the year 9999): what is due then is found by
/// looking through what is due at some time.
const SOME_TIME: WallTime = WallTime(253_402_300_799_999);

/// What a node's webhooks have in common.
pub(crate) struct Shared {
    pub(crate) node: String,
    pub(crate) outbox: Outbox,
    pub(crate) metrics: Arc<Metrics>,
    /// What receivers want.
    wishes: Vec<Wish>,
    started: Instant,
    state: Mutex<State>,
    /// Rung when something is to be put into the outbox.
    pub(crate) queued: Notify,
    /// Rung when something is to be told of who is where.
    pub(crate) moved: Notify,
    /// This node's life, once it has been noted.
    pub(crate) life: watch::Sender<Option<Life>>,
}

struct State {
    queue: Queue,
    occupancy: Occupancy,
    present: Present,
    /// Nothing is held back any more.
    closing: bool,
}

impl Shared {
    pub(crate) fn new(
        node: &str,
        outbox: Outbox,
        metrics: Arc<Metrics>,
        wishes: Vec<Wish>,
    ) -> Self {
        let state = State {
            queue: Queue::new(node),
            occupancy: Occupancy::default(),
            present: Present::default(),
            closing: false,
        };
        Self {
            node: node.to_owned(),
            outbox,
            metrics,
            wishes,
            started: Instant::now(),
            state: Mutex::new(state),
            queued: Notify::new(),
            moved: Notify::new(),
            life: watch::Sender::new(None),
        }
    }

    /// Sound wherever a panic leaves it: it is queues and counts.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether some receiver wants something of this kind.
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.wishes.iter().any(|wish| wish.has(kind))
    }

    /// Whether some receiver wants it of this channel, if it is of any.
    fn wants_of(&self, kind: Kind, channel: Option<&str>) -> bool {
        self.wishes.iter().any(|wish| wish.is_for(kind, channel))
    }

    /// Time since this node began.
    pub(crate) fn now(&self) -> Tick {
        Tick(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long it is until then.
    pub(crate) fn until(&self, then: Tick) -> Duration {
        Duration::from_millis(then.since(self.now()))
    }

    /// Makes an event of what this node has found out.
    pub(crate) fn event(&self, what: What) -> Event {
        self.state().queue.event(what, wall_ms())
    }

    /// The next events for the outbox.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.queueing(&mut self.state(), |queue| queue.take(wall_ms()))
    }

    /// They could not be put there: they are the next ones again.
    pub(crate) fn put_back(&self, events: Vec<Event>) {
        self.queueing(&mut self.state(), |queue| queue.put_back(events));
    }

    /// There is no room for what would have been told.
    pub(crate) fn lose(&self, count: u64) {
        if count > 0 {
            self.metrics.node.webhook_events_lost.add(count);
            self.state().queue.lose(count);
            self.queued.notify_one();
        }
    }

    /// Does something to the queue, and shows how long it is then.
    fn queueing<T>(&self, state: &mut State, change: impl FnOnce(&mut Queue) -> T) -> T {
        let before = state.queue.len() as i64;
        let outcome = change(&mut state.queue);
        self.metrics.node.webhook_waiting.add(state.queue.len() as i64 - before);
        outcome
    }

    /// What is to be told of a place next; otherwise when to ask again, if that is known.
    pub(crate) fn next_news(&self) -> Result<News, Option<Tick>> {
        let mut state = self.state();
        let next = state.occupancy.next(self.now());
        next.ok_or_else(|| state.occupancy.next_at())
    }

    /// It has been told.
    pub(crate) fn told(&self, news: &News) {
        self.state().occupancy.done(news, self.now());
        self.moved.notify_one();
    }

    /// Others have taken this node for dead, and receivers were told so: they are told who is here.
    pub(crate) fn tell_again(&self) {
        let mut state = self.state();
        state.occupancy.tell_again(self.now());
        let mut again = state.present.again(state.queue.waiting());
        again.retain(|what| match what {
            What::Subscribed { channel, .. } => self.wants_of(Kind::Subscribed, Some(channel)),
            _ => self.wants(Kind::Connected),
        });
        self.queueing(&mut state, |queue| queue.put_first(again, wall_ms()));
        drop(state);
        self.moved.notify_one();
    }

    /// The node ends: nothing is held back any more.
    pub(crate) fn hurry(&self) {
        let now = self.now();
        let mut state = self.state();
        state.closing = true;
        state.occupancy.hurry(now);
        drop(state);
        self.moved.notify_one();
        self.queued.notify_one();
    }

    /// Whether everything that has happened is where others find it, but for what is being written.
    pub(crate) fn is_told(&self) -> bool {
        let state = self.state();
        state.queue.len() == 0 && state.occupancy.is_told()
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().queue.len()
    }

    /// The change of the note of a place, and what it tells.
    pub(crate) fn correction(
        &self,
        place: &Place,
        found: Option<&Note>,
        correction: Correction,
    ) -> Change {
        let key = self.outbox.key(&name(place));
        let mut change = match &correction.entry {
            Some(entry) => to(key, found, entry, Due::At(SOME_TIME)),
            None => Change::of(key, found, None),
        };
        let told = correction.told.map(|what| self.event(what));
        change.draft = told.and_then(|event| self.outbox.draft(&[event], Vec::new()));
        change
    }

    /// How places of a channel are affected by a happening.
    fn occupy(&self, state: &mut State, happening: &Happening) {
        let (channel, info, membership, comes) = match happening {
            Happening::Subscribed { channel, info, membership } => {
                (channel, info, *membership, true)
            }
            Happening::Unsubscribed { channel, info, membership } => {
                (channel, info, *membership, false)
            }
            _ => return,
        };
        let now = self.now();
        let mut occupy = |user: Option<String>, linger_ms: u64| {
            let place = Place { channel: channel.as_str().to_owned(), user };
            if comes {
                state.occupancy.enter(&place, now);
            } else {
                let linger_ms = linger_ms.max(LINGER_MS);
                let from = if state.closing { now } else { now.after(linger_ms) };
                state.occupancy.leave(&place, from);
            }
        };
        let wants = |kind| self.wants_of(kind, Some(channel.as_str()));
        if wants(Kind::ChannelOccupied) || wants(Kind::ChannelVacated) {
            occupy(None, 0);
        }
        if let Membership::Lingering(linger_ms) = membership
            && !info.user.is_anonymous()
            && (wants(Kind::MemberAdded) || wants(Kind::MemberRemoved))
        {
            occupy(Some(info.user.as_str().to_owned()), linger_ms);
        }
        self.moved.notify_one();
    }
}

impl Observer for Shared {
    fn observe(&self, happening: Happening) {
        let mut state = self.state();
        self.occupy(&mut state, &happening);
        if self.wants(Kind::Connected) || self.wants(Kind::Subscribed) {
            state.present.note(&happening);
        }
        let (kind, what) = What::of(happening);
        if !self.wants_of(kind, what.channel()) {
            return;
        }
        if !self.queueing(&mut state, |queue| queue.push(what, wall_ms())) {
            self.metrics.node.webhook_events_lost.add(1);
        }
        drop(state);
        self.queued.notify_one();
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
