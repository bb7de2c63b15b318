//! What nodes do together: know each other, answer each other's questions, reach each other's
//! connections.
//!
//! Everything here is said through the backend, at most once, and to nodes that may have gone. What
//! needs an answer therefore has a deadline, and what arrives is believed only as far as it fits
//! what is known. No lock is held while something is said: what others answer may come before the
//! saying returns.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use trunkline_core::backend::{Backend, BackendError, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::control::Control;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::limits::{HERE_EVERY_MS, SURVEY_DEADLINE_MS};
use trunkline_core::signal::{Finding, NodeId, NodeReport, Question, Recipient, Signal};
use trunkline_core::survey::{Audiences, Collection, Connections, Survey, parts};
use trunkline_core::time::Tick;
use trunkline_telemetry::Metrics;

use crate::event::Event;
use crate::node::Node;
use crate::peers::Peers;
use crate::survey::{ChannelSurvey, ConnectionSurvey, Pattern};
use crate::surveys::{Surveys, Told};

/// What a node knows of the others.
pub(crate) struct Cluster {
    pub(crate) clock: Arc<Clock>,
    voice: Arc<Voice>,
    peers: Mutex<Peers>,
    audiences: Arc<Surveys<Audiences>>,
    connections: Arc<Surveys<Connections>>,
    /// When to say again that this node is there.
    here_at: AtomicU64,
    /// This node has said that it goes.
    gone: AtomicBool,
}

impl Cluster {
    pub(crate) fn new(backend: Arc<dyn Backend>, metrics: &Arc<Metrics>) -> Self {
        Self {
            clock: Arc::default(),
            voice: Arc::new(Voice { backend, metrics: Arc::clone(metrics) }),
            peers: Mutex::default(),
            audiences: Arc::new(Surveys::new(Arc::clone(metrics))),
            connections: Arc::new(Surveys::new(Arc::clone(metrics))),
            here_at: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time, as of the last tick.
#[derive(Default)]
pub(crate) struct Clock {
    started: AtomicU64,
    now: AtomicU64,
}

impl Clock {
    pub(crate) fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }

    fn uptime_s(&self) -> u64 {
        self.now().since(Tick(self.started.load(Ordering::Relaxed))) / 1000
    }
}

/// The way to other nodes.
struct Voice {
    backend: Arc<dyn Backend>,
    metrics: Arc<Metrics>,
}

impl Voice {
    fn say(&self, to: &Recipient, signal: Signal) {
        if self.backend.guarantees().shared {
            self.metrics.node.signals_sent.add(1);
            self.backend.signal(to, signal);
        }
    }

    /// Answers a question, in as many parts as it takes.
    fn answer(&self, to: NodeId, from: &NodeId, number: u64, finding: Finding) {
        let to = Recipient::Node(to);
        let mut parts = parts(finding).into_iter().zip(0..).peekable();
        while let Some((finding, part)) = parts.next() {
            let last = parts.peek().is_none();
            self.say(&to, Signal::Answer { from: from.clone(), number, part, last, finding });
        }
    }
}

impl Node {
    /// Joins the others: hears them from now on, and says that it is there. To be called once, and
    /// [`Node::tick`] from then on.
    pub fn begin(self: &Arc<Self>, now: Tick) {
        self.cluster.clock.started.store(now.0, Ordering::Relaxed);
        let node = Arc::downgrade(self);
        self.switchboard.hand_signals_to(Box::new(move |signal| {
            // Nobody is there to hear it once the node has ended.
            if let Some(node) = node.upgrade() {
                node.hear(signal);
            }
        }));
        self.tick(now);
    }

    /// Does what time has come for. To be called several times a second, so that deadlines are kept
    /// that closely; the time is taken to stand still in between.
    pub fn tick(&self, now: Tick) {
        let cluster = &self.cluster;
        cluster.clock.now.store(now.0, Ordering::Relaxed);
        self.attendance.carry_out_due(now);
        cluster.peers().forget_silent(now);
        cluster.audiences.end_those_over(now);
        cluster.connections.end_those_over(now);
        self.tell_spent(now);
        if now.0 >= cluster.here_at.load(Ordering::Relaxed) && !cluster.gone.load(Ordering::Acquire)
        {
            cluster.here_at.store(now.after(HERE_EVERY_MS).0, Ordering::Relaxed);
            cluster.voice.say(&Recipient::Everyone, Signal::Here(self.report()));
        }
    }

    /// Whether a node that has no connections any more should wait before it ends: exits are held
    /// back, of users who may be on their way to another node.
    #[must_use]
    pub fn awaits_returns(&self) -> bool {
        !self.hears_at_once() && self.exits_held() > 0
    }

    /// Leaves the others, once all shards have ended: carries out the exits that are still held
    /// back, and says that this node is gone.
    pub fn farewell(&self) {
        self.cluster.gone.store(true, Ordering::Release);
        self.attendance.carry_out_rest();
        self.cluster.voice.say(&Recipient::Everyone, Signal::Gone(self.id.clone()));
    }

    /// Tells the others, when called, that the publications of a channel were removed: nobody should
    /// be served them from memory.
    pub(crate) fn telling_that_cleared(
        &self,
        channel: &ChannelName,
    ) -> impl FnOnce() + Send + use<> {
        let (voice, channel) = (Arc::clone(&self.cluster.voice), channel.clone());
        move || voice.say(&Recipient::Everyone, Signal::Cleared(channel))
    }

    /// Takes what another node says.
    fn hear(&self, signal: Signal) {
        self.metrics.node.signals_received.add(1);
        match signal {
            Signal::Cleared(channel) => {
                if let Some(lines) = &self.lines {
                    lines.forget(&channel);
                }
            }
            Signal::Here(report) => self.meet(report),
            Signal::Gone(node) => {
                let cluster = &self.cluster;
                cluster.peers().forget(&node);
                cluster.audiences.forget(&node, cluster.clock.now());
                cluster.connections.forget(&node, cluster.clock.now());
            }
            Signal::Control(control) => self.control_here(&control),
            Signal::Ask { from, number, question } => self.answer(from, number, question),
            Signal::Answer { from, number, part, last, finding } => {
                let (cluster, part) = (&self.cluster, (part, last));
                let now = cluster.clock.now();
                match finding {
                    Finding::Channels(_) => {
                        cluster.audiences.answer(number, &from, part, finding, now);
                    }
                    Finding::Connections(_) => {
                        cluster.connections.answer(number, &from, part, finding, now);
                    }
                }
            }
            Signal::Spent(spent) => {
                let now = self.cluster.clock.now();
                spent.into_iter().for_each(|spent| self.throttle.charge(spent, now));
            }
            Signal::Revoked(revocation) => self.hear_revoked(revocation),
            Signal::Command { client, data } => drop(self.command(client, &data)),
        }
    }

    /// A node is there. One that is new is told that this one is, too.
    fn meet(&self, report: NodeReport) {
        let cluster = &self.cluster;
        if report.node == self.id {
            return;
        }
        let stranger = report.node.clone();
        let is_new = cluster.peers().hear(report, cluster.clock.now());
        if is_new && !cluster.gone.load(Ordering::Acquire) {
            cluster.voice.say(&Recipient::Node(stranger), Signal::Here(self.report()));
        }
    }

    /// What this node says of itself.
    fn report(&self) -> NodeReport {
        NodeReport {
            node: self.id.clone(),
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            clients: self.metrics.connections(),
            users: self.user_count() as u64,
            channels: self.channel_count() as u64,
            subscriptions: self.metrics.subscriptions(),
            uptime_s: self.cluster.clock.uptime_s(),
        }
    }

    /// What all nodes say of themselves, by name: of this one now, of the others as they last did.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeReport> {
        let mut nodes = vec![self.report()];
        nodes.extend(self.cluster.peers().reports().cloned());
        nodes.sort_by(|a, b| (&a.name, &a.node).cmp(&(&b.name, &b.node)));
        nodes
    }

    pub(crate) fn tell_others(&self, signal: Signal) {
        self.cluster.voice.say(&Recipient::Everyone, signal);
    }

    /// Asks something about the ids of the other nodes.
    pub(crate) fn with_peers<T>(
        &self,
        ask: impl FnOnce(&mut dyn Iterator<Item = &NodeId>) -> T,
    ) -> T {
        ask(&mut self.cluster.peers().ids())
    }

    /// Other nodes that are known to live.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.cluster.peers().count()
    }

    /// Does something to all connections it concerns, on all nodes, soon.
    pub fn control(&self, control: Control) {
        let control = Arc::new(control);
        self.control_here(&control);
        self.cluster.voice.say(&Recipient::Everyone, Signal::Control(control));
    }

    pub(crate) fn control_here(&self, control: &Arc<Control>) {
        self.switchboard.broadcast(|| Event::Control(Arc::clone(control)));
    }

    /// Hands a command to the connection of a client, wherever that is: it is decoded and carried
    /// out as if it had come over the connection's own socket. Where the connection is unknown, or
    /// the shards of that node have too much to do, nothing comes of it.
    ///
    /// The id of a connection is no secret. Whoever calls this knows that it is the connection's
    /// client who speaks.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`] if no such node is known to live, [`BackendError::Overloaded`]
    /// if this is the node and its shards have too much to do. Nothing was handed over then.
    pub fn hand_over(
        &self,
        node: &NodeId,
        client: ClientId,
        data: Bytes,
    ) -> Result<(), BackendError> {
        if *node == self.id {
            return self.command(client, &data);
        }
        if !self.cluster.peers().knows(node) {
            return Err(BackendError::Unavailable);
        }
        self.cluster.voice.say(&Recipient::Node(node.clone()), Signal::Command { client, data });
        Ok(())
    }

    /// All shards look whether the connection is theirs.
    fn command(&self, client: ClientId, data: &Bytes) -> Result<(), BackendError> {
        if self.switchboard.overloaded() {
            return Err(BackendError::Overloaded);
        }
        self.switchboard.broadcast(|| Event::Command { client, data: data.clone() });
        Ok(())
    }

    /// Asks which channels have listeners on any node, and how many. `told` hears it when all nodes
    /// that are known now have answered, or after [`SURVEY_DEADLINE_MS`].
    pub fn channels(&self, pattern: Pattern, told: Told<Audiences>) {
        let question = Question::Channels { pattern: pattern.as_str().into() };
        let surveys = &self.cluster.audiences;
        let Some(number) = surveys.begin(self.survey(), told) else { return };
        let own = self.own_answer(surveys, number);
        self.find_channels(pattern, own);
        self.ask_others(number, question);
    }

    /// Asks which connections a user has on any node, in the same way.
    pub fn connections(&self, user: UserId, told: Told<Connections>) {
        let question = Question::Connections { user: user.clone() };
        let surveys = &self.cluster.connections;
        let Some(number) = surveys.begin(self.survey(), told) else { return };
        let own = self.own_answer(surveys, number);
        self.find_connections(user, own);
        self.ask_others(number, question);
    }

    /// A question to this node and all others.
    fn survey<T: Collection>(&self) -> Survey<T> {
        let mut asked = vec![self.id.clone()];
        asked.extend(self.cluster.peers().ids().cloned());
        Survey::new(asked, self.cluster.clock.now().after(SURVEY_DEADLINE_MS))
    }

    fn ask_others(&self, number: u64, question: Question) {
        let ask = Signal::Ask { from: self.id.clone(), number, question };
        self.cluster.voice.say(&Recipient::Everyone, ask);
    }

    /// Takes what the shards of this node have found.
    fn own_answer<T: Collection + Send + 'static>(
        &self,
        surveys: &Arc<Surveys<T>>,
        number: u64,
    ) -> impl FnOnce(Finding) + Send + 'static {
        let (surveys, id) = (Arc::clone(surveys), self.id.clone());
        let clock = Arc::clone(&self.cluster.clock);
        move |finding| surveys.answer(number, &id, (0, true), finding, clock.now())
    }

    /// Answers another node's question. One that has too much to do leaves it unanswered.
    fn answer(&self, asker: NodeId, number: u64, question: Question) {
        if asker == self.id || self.switchboard.overloaded() {
            return;
        }
        let (voice, id) = (Arc::clone(&self.cluster.voice), self.id.clone());
        let done = move |finding| voice.answer(asker, &id, number, finding);
        match question {
            Question::Channels { pattern } => self.find_channels(Pattern::new(&pattern), done),
            Question::Connections { user } => self.find_connections(user, done),
        }
    }

    fn find_channels(&self, pattern: Pattern, done: impl FnOnce(Finding) + Send + 'static) {
        let shards = self.switchboard.shards();
        let done = Box::new(move |found| done(Finding::Channels(Vec::from_iter(found))));
        let survey = Arc::new(ChannelSurvey::new(pattern, shards, done));
        self.switchboard.broadcast(|| Event::Survey(Arc::clone(&survey)));
    }

    fn find_connections(&self, user: UserId, done: impl FnOnce(Finding) + Send + 'static) {
        let shards = self.switchboard.shards();
        let done = Box::new(move |found| done(Finding::Connections(found)));
        let survey = Arc::new(ConnectionSurvey::new(user, shards, done));
        self.switchboard.broadcast(|| Event::Connections(Arc::clone(&survey)));
    }
}
