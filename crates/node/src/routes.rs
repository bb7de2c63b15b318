//! Routes: the publications of a channel enter the inboxes of the users they name.
//!
//! Every node listens to the channels of all routes. The one to which a route falls carries it out;
//! another one steps in when that is late, and two at the same time do no harm: see
//! [`trunkline_core::route`] for what is noted. What may have come is looked for in the stream, never
//! taken from what was heard, so that nothing depends on when which node was there.

mod carrying;
mod foreign;
mod handing;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use trunkline_core::backend::BackendError;
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::UserId;
use trunkline_core::route::Gone;
use trunkline_core::time::Tick;

use self::foreign::Turn;
use crate::node::Node;

/// After how many milliseconds in which it was not carried out a route is anybody's: soon enough for
/// people, and long enough for whoever is at it.
const STEP_IN_MS: u64 = 2_500;

/// How often a route is looked after though nothing was heard, in milliseconds.
const LOOK_EVERY_MS: u64 = 5_000;

/// How long to wait after a failure, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// Reads a publication: whom it names, and what it carries for them. `None` if it does not.
pub type Address = Box<dyn Fn(&Bytes) -> Option<(UserId, Bytes)> + Send + Sync>;

/// Where the publications of a route come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The stream of a channel of ours.
    Stream,
    /// A channel of the broker that is none of ours: what is said there is heard once, or never.
    Foreign,
}

/// One route.
pub struct Route {
    /// Of which channel.
    pub channel: ChannelName,
    /// Where its publications come from.
    pub source: Source,
    /// What they say.
    pub address: Address,
}

/// What an operator should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Publications were gone before they were routed.
    Gone(Gone),
    /// So many messages found no room in the inboxes of their users, as the backend keeps as many notes
    /// as it may. Told once, until all find room again.
    NoRoom(u64),
    /// The backend cannot do it now. It is tried again, until it can; told once.
    Stuck(BackendError),
}

/// Told of trouble with the route of a channel.
pub type Told = Box<dyn Fn(&ChannelName, Trouble) + Send + Sync>;

/// The routes of a node.
pub struct Routes {
    node: Arc<Node>,
    entries: Vec<Entry>,
    now: AtomicU64,
    trouble: Told,
    /// [`Routes::work`] is to be called soon.
    wake: Arc<dyn Fn() + Send + Sync>,
}

struct Entry {
    route: Route,
    job: Box<str>,
    state: Mutex<State>,
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Since when something may have to be done.
    waiting_since: Option<Tick>,
    /// When to look though nothing is known to be there.
    look_at: Tick,
    /// Not before.
    retry_at: Tick,
    stuck: bool,
    /// Of the last page something found no room.
    crowded: bool,
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of looking into a stream.
enum Outcome {
    /// Everything is done.
    Done,
    /// There is more, or others were faster.
    More,
    /// It could not be done.
    Failed(BackendError),
}

impl Routes {
    /// Begins to listen, for a node that has not begun to listen for routes before. `wake` is called,
    /// on any thread, when [`Routes::work`] is to be called soon.
    #[must_use]
    pub fn start(
        node: &Arc<Node>,
        routes: Vec<Route>,
        trouble: Told,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        let entry = |route: Route| Entry {
            job: format!("route {}", route.channel.as_str()).into(),
            route,
            // From the start there may be something.
            state: Mutex::new(State { waiting_since: Some(Tick(0)), ..State::default() }),
            turn: Mutex::default(),
        };
        let routes = Arc::new(Self {
            node: Arc::clone(node),
            entries: routes.into_iter().map(entry).collect(),
            now: AtomicU64::new(0),
            trouble,
            wake,
        });
        let streams = || routes.entries.iter().filter(|e| e.route.source == Source::Stream);
        let channels: HashSet<_> = streams().map(|entry| entry.route.channel.clone()).collect();
        let told = Arc::downgrade(&routes);
        node.attend(
            channels,
            Box::new(move |channel| {
                if let Some(routes) = told.upgrade() {
                    routes.heard(channel);
                }
            }),
        );
        routes
    }

    /// Something came in a channel, or may have.
    fn heard(&self, channel: &ChannelName) {
        for entry in self.entries.iter().filter(|entry| entry.route.channel == *channel) {
            entry.state().waiting_since.get_or_insert(self.now());
        }
        (self.wake)();
    }

    fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }

    /// Does what is to be done. To be called several times a second, and when woken.
    pub fn work(self: &Arc<Self>, now: Tick) {
        self.now.store(now.0, Ordering::Relaxed);
        for at in 0..self.entries.len() {
            match self.entries[at].route.source {
                Source::Stream => self.look(at, now),
                Source::Foreign => self.take_turn(at, now),
            }
        }
    }

    fn look(self: &Arc<Self>, at: usize, now: Tick) {
        let entry = &self.entries[at];
        let mine = self.node.is_up_to_me(&entry.job);
        let mut state = entry.state();
        if state.running || now < state.retry_at {
            return;
        }
        let wanted = match state.waiting_since {
            Some(since) => mine || now.since(since) >= STEP_IN_MS,
            None => mine && now >= state.look_at,
        };
        if !wanted {
            return;
        }
        state.running = true;
        state.waiting_since = None;
        state.look_at = now.after(LOOK_EVERY_MS);
        drop(state);
        let routes = Arc::clone(self);
        self.carry_out(at, Box::new(move |outcome| routes.looked(at, outcome)));
    }

    fn looked(&self, at: usize, outcome: Outcome) {
        let (entry, now) = (&self.entries[at], self.now());
        let mut state = entry.state();
        state.running = false;
        let was_stuck = state.stuck;
        state.stuck = matches!(outcome, Outcome::Failed(_));
        match outcome {
            Outcome::Done if state.waiting_since.is_none() => return,
            Outcome::Done => {}
            Outcome::More => {
                state.waiting_since.get_or_insert(now);
            }
            Outcome::Failed(error) => {
                state.waiting_since.get_or_insert(now);
                state.retry_at = now.after(RETRY_MS);
                drop(state);
                if !was_stuck {
                    (self.trouble)(&entry.route.channel, Trouble::Stuck(error));
                }
                return;
            }
        }
        drop(state);
        (self.wake)();
    }
}
