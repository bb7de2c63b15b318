//! Nodes: how they begin, how they learn the time, and how their shards get their turns.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::{MAILBOX_EVENTS, RECOVERY_LIMIT};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::rate::Rates;
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::{Tick, WallTime};
use trunkline_model_broker::Attached;
use trunkline_node::lines::Lines;
use trunkline_node::mailbox::Mailbox;
use trunkline_node::schedules::NoSchedules;
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_telemetry::Metrics;

use crate::schedule::{Due, Seat};
use crate::shard::SimShard;

use super::World;

/// How often a node learns the time, in milliseconds: as `trunkline serve` has it.
const TICK_MS: u64 = 250;

/// The time on the wall when a run begins, in milliseconds since 1970: any will do.
pub const WALL_MS: u64 = 1_700_000_000_000;

/// A node that runs.
pub struct SimNode {
    /// Its id.
    pub id: NodeId,
    /// Where it is.
    pub seat: Seat,
    /// The node itself.
    pub node: Arc<Node>,
    /// Its lines.
    pub lines: Arc<Lines>,
    /// Its way to the broker.
    pub gauge: Arc<Gauge>,
    /// Its shards.
    pub shards: Vec<SimShard>,
    /// Whether its shards stand still.
    pub paused: bool,
}

/// Readings of streams that lines have under way, by channel.
type Readings = Arc<Mutex<BTreeMap<ChannelName, u32>>>;

/// The broker as a node has it, with a look at what its lines read.
pub struct Gauge {
    broker: Arc<Attached>,
    readings: Readings,
    most_at_once: Mutex<u32>,
}

impl Gauge {
    fn new(broker: Arc<Attached>) -> Self {
        Self { broker, readings: Arc::default(), most_at_once: Mutex::default() }
    }

    /// How many readings of one stream lines had under way at the same time, at most.
    pub fn most_at_once(&self) -> u32 {
        *self.most_at_once.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Gauge {
    fn guarantees(&self) -> Guarantees {
        self.broker.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.broker.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.broker.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        // Nobody but lines reads so much: what recovers is less in every plan.
        if query.limit != RECOVERY_LIMIT {
            return self.broker.history(channel, query, done);
        }
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = readings.entry(channel.clone()).or_default();
        *under_way += 1;
        let mut most = self.most_at_once.lock().unwrap_or_else(PoisonError::into_inner);
        *most = (*most).max(*under_way);
        drop((most, readings));
        let (readings, name) = (Arc::clone(&self.readings), channel.clone());
        let over = move |answer| {
            let mut open = readings.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(under_way) = open.get_mut(&name) {
                *under_way -= 1;
            }
            drop(open);
            done(answer);
        };
        self.broker.history(channel, query, Box::new(over));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.broker.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.broker.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.broker.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.broker.signal(to, signal);
    }
}

impl World {
    /// A node begins at a place, if none is there.
    pub(super) fn start(&mut self, slot: usize) {
        if self.nodes[slot].is_some() {
            return;
        }
        self.lives += 1;
        let seat = Seat { slot, life: self.lives };
        let id = NodeId::new(&format!("n{slot}-{}", seat.life));
        self.journal.note(format_args!("{id} starts"));
        let rung: Vec<_> = (0..self.plan.shards).map(|_| Arc::new(AtomicBool::new(true))).collect();
        let mailbox = |bell: &Arc<AtomicBool>| {
            let bell = Arc::clone(bell);
            let waker = Box::new(move || bell.store(true, Ordering::Release));
            Arc::new(Mailbox::new(MAILBOX_EVENTS, waker))
        };
        let mailboxes: Vec<_> = rung.iter().map(mailbox).collect();
        let switchboard = Arc::new(Switchboard::new(mailboxes.clone()));
        let metrics = Metrics::new(self.plan.shards);
        let namespaces = self.plan.namespaces.clone();
        let sink = Arc::clone(&switchboard);
        let lines = Lines::new(sink, namespaces.clone(), Arc::clone(&metrics));
        let broker = self.broker.attach(id.clone(), lines.clone());
        let gauge = Arc::new(Gauge::new(Arc::clone(&broker)));
        lines.stand_before(gauge.clone());
        let node = Arc::new(Node::new(Parts {
            id: id.clone(),
            name: id.as_str().into(),
            namespaces,
            limits: self.plan.limits.clone(),
            metrics,
            switchboard,
            backend: lines.clone(),
            // Nothing in the simulation uses any.
            notes: Arc::new(MemoryBackend::new(lines.clone(), Box::new(|| WallTime(WALL_MS)))),
            schedule_form: Arc::new(NoSchedules),
            application: None,
            observer: None,
            per_user: Rates::default(),
            per_address: Rates::default(),
            roster: broker,
            lines: Some(Arc::clone(&lines)),
        }));
        let shards = mailboxes.into_iter().zip(rung).enumerate();
        let shards = shards
            .map(|(at, (mailbox, rung))| SimShard::new(at, Arc::clone(&node), mailbox, rung))
            .collect();
        node.begin(Tick(self.now));
        lines.tick(Tick(self.now), WallTime(WALL_MS + self.now));
        self.nodes[slot] = Some(SimNode { id, seat, node, lines, gauge, shards, paused: false });
        self.schedule.at(self.now + TICK_MS, Due::Tick(seat));
    }

    /// The node at a place, if it is still the one that is meant.
    pub(super) fn node(&mut self, seat: Seat) -> Option<&mut SimNode> {
        self.nodes[seat.slot].as_mut().filter(|node| node.seat == seat)
    }

    pub(super) fn tick(&mut self, seat: Seat) {
        let now = self.now;
        let Some(node) = self.node(seat) else { return };
        node.node.tick(Tick(now));
        node.lines.tick(Tick(now), WallTime(WALL_MS + now));
        self.schedule.at(now + TICK_MS, Due::Tick(seat));
    }

    /// A shard makes its turn, unless its node stands still.
    pub(super) fn turn(&mut self, seat: Seat, shard: usize) {
        let now = self.now;
        let Some(node) = self.node(seat) else { return };
        let paused = node.paused;
        let shard_here = &mut node.shards[shard];
        if shard_here.turn_at.is_some_and(|at| at <= now) {
            shard_here.turn_at = None;
        }
        if paused {
            return;
        }
        if let Some(next) = shard_here.turn(Tick(now), WallTime(WALL_MS + now)) {
            self.plan_turn(seat, shard, next.saturating_sub(now));
        }
    }

    /// A shard has a turn after so many milliseconds, if not earlier.
    pub(super) fn plan_turn(&mut self, seat: Seat, shard: usize, after_ms: u64) {
        let at = self.now + after_ms;
        let Some(node) = self.node(seat) else { return };
        let turn_at = &mut node.shards[shard].turn_at;
        if turn_at.is_some_and(|planned| planned <= at) {
            return;
        }
        *turn_at = Some(at);
        self.schedule.at(at, Due::Turn(seat, shard));
    }
}
