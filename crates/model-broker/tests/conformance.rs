//! The suite that every backend passes: where all moves by itself, and where another thread moves it,
//! lane by lane in random order, so that everything comes later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use trunkline_conformance::Subject;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::WallTime;
use trunkline_model_broker::{Attached, Broker, Mode};

/// A broker, which outlives the nodes.
struct Model(Broker);

/// A node, which dies when it is dropped.
struct Mortal {
    broker: Broker,
    node: Arc<Attached>,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.broker.detach(self.node.id());
    }
}

impl Backend for Mortal {
    fn guarantees(&self) -> Guarantees {
        self.node.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.node.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.node.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.node.history(channel, query, done);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.node.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.node.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.node.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.node.signal(to, signal);
    }
}

impl Subject for Model {
    fn open(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend> {
        let node = self.0.attach(node.clone(), sink);
        Box::new(Mortal { broker: self.0.clone(), node })
    }

    fn advance(&self, millis: u64) -> bool {
        self.0.set_time(WallTime(self.0.time().0 + millis));
        true
    }

    fn roll_back(&self, publications: usize) -> bool {
        self.0.roll_back(publications).len() == publications
    }
}

fn at_once() -> Model {
    Model(Broker::new(Mode::AtOnce, 1))
}

/// A broker that a thread drives.
struct Slow {
    model: Model,
    over: Arc<AtomicBool>,
    driver: Option<JoinHandle<()>>,
}

/// How long the driver rests when nothing is in flight.
const REST: Duration = Duration::from_micros(200);

impl Subject for Slow {
    fn open(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend> {
        self.model.open(node, sink)
    }

    fn advance(&self, millis: u64) -> bool {
        self.model.advance(millis)
    }

    fn roll_back(&self, publications: usize) -> bool {
        self.model.roll_back(publications)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.driver.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()), "the driver has not failed");
    }
}

fn driven() -> Slow {
    let broker = Broker::new(Mode::Driven, 1);
    let over = Arc::new(AtomicBool::new(false));
    let (driven, until) = (broker.clone(), Arc::clone(&over));
    let driver = thread::spawn(move || {
        // Numbers that follow from a seed (xorshift64; Marsaglia, 2003).
        let mut number = 1_u64;
        while !until.load(Ordering::Relaxed) {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            let mut links = driven.links();
            links.retain(|link| driven.pending(link) > 0);
            match usize::try_from(number % links.len().max(1) as u64).map(|n| links.get(n)) {
                Ok(Some(link)) => drop(driven.step(link)),
                _ => thread::sleep(REST),
            }
        }
    });
    Slow { model: Model(broker), over, driver: Some(driver) }
}

mod moved_at_once {
    use super::at_once;
    trunkline_conformance::conformance!(at_once);
}

mod moved_later {
    use super::driven;
    trunkline_conformance::conformance!(driven);
}
