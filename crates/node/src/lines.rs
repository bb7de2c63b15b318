//! Keeping up with streams that are kept elsewhere.
//!
//! [`Lines`] stands between a backend that nodes share and the switchboard. Of every channel that
//! somebody on this node listens to it has one [`Line`]; where that lacks something it reads the
//! stream, once for all, and hands on what was missed before what came behind it. Clients stay
//! connected and notice nothing. Those who come back at a place that the line remembers are served
//! from memory.
//!
//! It is a wrapper: a backend to the node, and a sink to the backend behind it.

mod reading;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::{LINE_CHECK_MS, LINE_TOUCH_MS, LINGER_MS};
use trunkline_core::line::{Line, Outcome};
use trunkline_core::namespace::Namespaces;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};
use trunkline_core::time::{Tick, WallTime};
use trunkline_telemetry::Metrics;

use self::reading::Readings;
use crate::stripes::Striped;

/// The lines of a node.
pub struct Lines {
    me: Weak<Self>,
    backend: OnceLock<Arc<dyn Backend>>,
    sink: Arc<dyn Sink>,
    namespaces: Namespaces,
    metrics: Arc<Metrics>,
    entries: Striped<ChannelName, Entry>,
    readings: Mutex<Readings>,
    /// Channels that nobody listened to when they came here, each once, and when to look again.
    lingering: Mutex<Vec<(Tick, ChannelName)>>,
    now: AtomicU64,
    wall: AtomicU64,
    checked: AtomicU64,
    touched: AtomicU64,
}

struct Entry {
    line: Line,
    /// When the channel is left, if nobody comes back.
    leave_at: Option<Tick>,
    /// Whether it stands in the queue of those that may be left.
    lingers: bool,
    /// Whether anything has come since it was last looked.
    active: bool,
}

impl Lines {
    /// No lines yet. What comes is handed on to `sink`; how much of it is remembered depends on the
    /// channel's namespace.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, namespaces: Namespaces, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            backend: OnceLock::new(),
            sink,
            namespaces,
            metrics,
            entries: Striped::default(),
            readings: Mutex::default(),
            lingering: Mutex::default(),
            now: AtomicU64::new(0),
            wall: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            touched: AtomicU64::new(0),
        })
    }

    /// Puts them before a backend that delivers to them. To be done once, before anything else.
    pub fn stand_before(&self, backend: Arc<dyn Backend>) {
        let _ = self.backend.set(backend); // There was one already.
    }

    /// The time has come to `now`, which is `wall` on the wall. To be told several times a second.
    pub fn tick(&self, now: Tick, wall: WallTime) {
        self.now.store(now.0, Ordering::Relaxed);
        self.wall.store(wall.0, Ordering::Relaxed);
        self.leave_those_due(now);
        let due = self.readings().due(now);
        for channel in due {
            self.want_reading(channel);
        }
        let every = |last: &AtomicU64, interval: u64| {
            let over = now.since(Tick(last.load(Ordering::Relaxed))) >= interval;
            if over {
                last.store(now.0, Ordering::Relaxed);
            }
            over
        };
        if every(&self.checked, LINE_CHECK_MS) {
            let all = every(&self.touched, LINE_TOUCH_MS);
            self.check(all);
        }
    }

    /// Answers from memory, if the line of the channel has all that is asked for. The answer may be
    /// older than what the broker would give, by what is on its way here and will be delivered.
    #[must_use]
    pub fn recall(&self, channel: &ChannelName, query: &HistoryQuery) -> Option<HistoryPage> {
        let mut entries = self.entries.of(channel);
        let page = entries.get_mut(channel)?.line.recall(query, self.wall());
        if page.is_some() {
            self.metrics.node.recalls.add(1);
        }
        page
    }

    /// The publications of a channel were removed, on whatever node.
    pub fn forget(&self, channel: &ChannelName) {
        if let Some(entry) = self.entries.of(channel).get_mut(channel) {
            entry.line.forget();
        }
    }

    /// Channels that have a line: those that somebody listens to, or did a moment ago.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    fn behind(&self) -> Option<&Arc<dyn Backend>> {
        self.backend.get()
    }

    fn lingering(&self) -> MutexGuard<'_, Vec<(Tick, ChannelName)>> {
        self.lingering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }

    fn wall(&self) -> WallTime {
        WallTime(self.wall.load(Ordering::Relaxed))
    }

    /// Lets `happen` happen to the line of a channel, and does what follows. The lock of the line is
    /// held while it is handed on: what comes next has to wait.
    fn happen(&self, channel: &ChannelName, happen: impl FnOnce(&mut Entry, WallTime) -> Outcome) {
        let mut entries = self.entries.of(channel);
        let Some(entry) = entries.get_mut(channel) else { return };
        let outcome = happen(entry, self.wall());
        if outcome.doubt {
            self.metrics.node.line_doubts.add(1);
            self.sink.doubt(channel);
        }
        for message in outcome.deliver {
            self.sink.deliver(channel, message);
        }
        drop(entries);
        if outcome.wants_reading {
            self.want_reading(channel.clone());
        }
    }

    fn leave_those_due(&self, now: Tick) {
        let (due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *self.lingering()).into_iter().partition(|(at, _)| *at <= now);
        self.lingering().extend(rest);
        for (_, channel) in due {
            let mut entries = self.entries.of(&channel);
            let Some(entry) = entries.get_mut(&channel) else { continue };
            match entry.leave_at {
                Some(at) if at <= now => drop(entries.remove(&channel)),
                // It was left again after somebody had come back.
                Some(at) => {
                    drop(entries);
                    self.lingering().push((at, channel));
                    continue;
                }
                None => {
                    entry.lingers = false;
                    continue;
                }
            }
            drop(entries);
            let Some(backend) = self.behind() else { return };
            backend.unlisten(&channel);
            // Somebody may have come in between, and have told the backend before this was.
            if self.entries.of(&channel).contains_key(&channel) {
                backend.listen(&channel, Box::new(|_| ()));
            }
        }
    }

    /// Looks whether anything was missed, though nothing hints at it: of the channels of which
    /// something came lately, or of all.
    fn check(&self, all: bool) {
        let mut channels = Vec::new();
        self.entries.each(|channel, entry| {
            if std::mem::take(&mut entry.active) || all {
                channels.push(channel.clone());
            }
        });
        // In one order, whatever the map's: the same run is to be the same again.
        channels.sort_unstable();
        for channel in channels {
            self.happen(&channel, |entry, _| match entry.line.position() {
                Some(_) => entry.line.doubt(),
                None => Outcome::default(),
            });
        }
    }
}

impl Sink for Lines {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        self.happen(channel, |entry, now| {
            entry.active = true;
            entry.line.arrive(message, now)
        });
    }

    fn doubt(&self, channel: &ChannelName) {
        self.happen(channel, |entry, _| entry.line.doubt());
    }

    fn receive(&self, signal: Signal) {
        self.sink.receive(signal);
    }

    fn overloaded(&self) -> bool {
        self.sink.overloaded()
    }
}

impl Backend for Lines {
    fn guarantees(&self) -> Guarantees {
        // Before it stands before anything, it keeps nothing.
        let nothing =
            Guarantees { durable: false, shared: true, replicates: false, may_fork: false };
        self.behind().map_or(nothing, |backend| backend.guarantees())
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        match self.behind() {
            Some(backend) => backend.publish(draft, done),
            None => done(Err(BackendError::Stopped)),
        }
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        if let Some(backend) = self.behind() {
            backend.announce(channel, message);
        }
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        let Some(backend) = self.behind() else { return done(Err(BackendError::Stopped)) };
        let (me, name) = (Weak::clone(&self.me), channel.clone());
        let learn = move |answer: Result<HistoryPage, BackendError>| {
            if let (Some(lines), Ok(page)) = (me.upgrade(), &answer)
                && let Some(entry) = lines.entries.of(&name).get_mut(&name)
            {
                entry.line.learn(&page.top);
            }
            done(answer);
        };
        backend.history(channel, query, Box::new(learn));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        let Some(backend) = self.behind() else { return done(Err(BackendError::Stopped)) };
        let (me, name) = (Weak::clone(&self.me), channel.clone());
        let forget = move |answer: Result<(), BackendError>| {
            if let Some(lines) = me.upgrade() {
                lines.forget(&name);
            }
            done(answer);
        };
        backend.remove_history(channel, Box::new(forget));
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        let Some(backend) = self.behind() else { return done(Err(BackendError::Stopped)) };
        let mut entries = self.entries.of(channel);
        let entry = entries.entry(channel.clone()).or_insert_with(|| {
            let options = self.namespaces.options(channel);
            let line = Line::new(options.and_then(|options| options.retention));
            Entry { line, leave_at: None, lingers: false, active: false }
        });
        entry.leave_at = None;
        drop(entries);
        backend.listen(channel, done);
    }

    /// The channel is left after [`LINGER_MS`], unless somebody comes back.
    fn unlisten(&self, channel: &ChannelName) {
        let leave_at = self.now().after(LINGER_MS);
        let mut entries = self.entries.of(channel);
        let Some(entry) = entries.get_mut(channel) else { return };
        entry.leave_at = Some(leave_at);
        if !std::mem::replace(&mut entry.lingers, true) {
            drop(entries);
            self.lingering().push((leave_at, channel.clone()));
        }
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        if let Some(backend) = self.behind() {
            backend.signal(to, signal);
        }
    }
}
