//! The suite that every backend passes, with the lines of a node before the model broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use trunkline_conformance::Subject;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::namespace::Namespaces;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::{Tick, WallTime};
use trunkline_model_broker::{Broker, Mode};
use trunkline_node::lines::Lines;
use trunkline_telemetry::Metrics;

/// A second lasts as long as ten for the lines, so that nobody waits for what lingers.
const HASTE: u128 = 10;

struct Model(Broker);

/// A node, which dies when it is dropped.
struct Mortal {
    broker: Broker,
    node: NodeId,
    lines: Arc<Lines>,
    stopped: Arc<AtomicBool>,
    clock: Option<JoinHandle<()>>,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.clock.take().map(JoinHandle::join);
        self.broker.detach(&self.node);
    }
}

fn run_clock(lines: Arc<Lines>, broker: Broker, stopped: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let started = Instant::now();
        while !stopped.load(Ordering::Relaxed) {
            let now = started.elapsed().as_millis() * HASTE;
            lines.tick(Tick(u64::try_from(now).unwrap_or(u64::MAX)), WallTime(broker.time().0));
            std::thread::sleep(Duration::from_millis(5));
        }
    })
}

impl Backend for Mortal {
    fn guarantees(&self) -> Guarantees {
        self.lines.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.lines.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.lines.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.lines.history(channel, query, done);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.lines.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.lines.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.lines.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.lines.signal(to, signal);
    }
}

impl Subject for Model {
    fn open(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend> {
        let lines = Lines::new(sink, Namespaces::default(), Metrics::new(1));
        let attached = self.0.attach(node.clone(), lines.clone());
        lines.stand_before(attached);
        let stopped = Arc::new(AtomicBool::new(false));
        let clock = run_clock(lines.clone(), self.0.clone(), Arc::clone(&stopped));
        let (broker, node) = (self.0.clone(), node.clone());
        Box::new(Mortal { broker, node, lines, stopped, clock: Some(clock) })
    }

    fn advance(&self, millis: u64) -> bool {
        self.0.set_time(WallTime(self.0.time().0 + millis));
        true
    }

    fn roll_back(&self, publications: usize) -> bool {
        self.0.roll_back(publications).len() == publications
    }
}

fn subject() -> Model {
    Model(Broker::new(Mode::AtOnce, 1))
}

trunkline_conformance::conformance!(subject);
