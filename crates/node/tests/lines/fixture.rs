//! The lines of some nodes before one broker, and what each hands on.

use std::sync::{Arc, Mutex};

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::namespace::{ChannelOptions, Namespaces, Retention};
use trunkline_core::position::Position;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::{Tick, WallTime};
use trunkline_model_broker::{Attached, Broker, Lane, Link, Mode};
use trunkline_node::lines::Lines;
use trunkline_telemetry::Metrics;

/// Items that may move at most before all is told.
const MANY: usize = 100_000;

/// How much channels keep.
const KEPT: Retention = Retention { size: 10, ttl_ms: 60_000, bytes: 1 << 20 };

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

/// Notes what is handed on: payloads, and `?` where followers have to look for themselves.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Sink for Notes {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        let Message::Publication(publication) = message else { return };
        let data = String::from_utf8_lossy(&publication.data).into_owned();
        self.0.lock().unwrap().push(format!("{channel}:{data}"));
    }

    fn doubt(&self, channel: &ChannelName) {
        self.0.lock().unwrap().push(format!("{channel}:?"));
    }

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

/// Counts how often streams are read.
struct Counting {
    behind: Arc<Attached>,
    reads: Mutex<usize>,
}

impl Backend for Counting {
    fn guarantees(&self) -> Guarantees {
        self.behind.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.behind.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.behind.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        *self.reads.lock().unwrap() += 1;
        self.behind.history(channel, query, done);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.behind.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.behind.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.behind.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.behind.signal(to, signal);
    }
}

pub(crate) struct Member {
    pub(crate) id: NodeId,
    pub(crate) lines: Arc<Lines>,
    counting: Arc<Counting>,
    notes: Arc<Notes>,
    reads_seen: usize,
}

pub(crate) struct House {
    pub(crate) broker: Broker,
    pub(crate) a: Member,
    pub(crate) b: Member,
    now: Tick,
}

impl House {
    pub(crate) fn new() -> Self {
        let broker = Broker::new(Mode::Driven, 3);
        let (a, b) = (Member::new(&broker, "a"), Member::new(&broker, "b"));
        let mut house = Self { broker, a, b, now: Tick(0) };
        house.pass(0);
        house
    }

    /// Moves everything in flight to its end.
    pub(crate) fn settle(&self) {
        assert!(self.broker.settle(MANY) < MANY, "it comes to rest");
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        for member in [&self.a, &self.b] {
            member.lines.tick(self.now, WallTime(self.now.0));
        }
        self.settle();
    }

    /// Both listen to a channel.
    pub(crate) fn both_listen(&self, name: &str) {
        for member in [&self.a, &self.b] {
            member.lines.listen(&channel(name), Box::new(|heard| heard.unwrap()));
        }
        self.settle();
    }

    /// Publishes through a node, and lets it arrive.
    pub(crate) fn publish(&self, name: &str, data: &impl ToString) {
        let draft = Draft {
            data: data.to_string().into(),
            retention: Some(KEPT),
            ..Draft::new(channel(name))
        };
        self.a.lines.publish(draft, Box::new(|outcome| drop(outcome.unwrap())));
        self.settle();
    }

    /// Loses what is published to `b` until it is healed.
    pub(crate) fn cut_b(&self) {
        self.broker.cut(&self.link_to_b());
    }

    pub(crate) fn heal_b(&self) {
        self.broker.heal(&self.link_to_b());
    }

    fn link_to_b(&self) -> Link {
        Link { node: self.b.id.clone(), lane: Lane::Publications }
    }
}

impl Member {
    fn new(broker: &Broker, name: &str) -> Self {
        let notes = Arc::new(Notes::default());
        let options =
            ChannelOptions { retention: Some(KEPT), recovery: true, ..ChannelOptions::default() };
        let lines = Lines::new(notes.clone(), Namespaces::new(Some(options)), Metrics::new(1));
        let id = NodeId::new(name);
        let behind = broker.attach(id.clone(), lines.clone());
        let counting = Arc::new(Counting { behind, reads: Mutex::new(0) });
        lines.stand_before(counting.clone());
        Self { id, lines, counting, notes, reads_seen: 0 }
    }

    /// What was handed on since the last time.
    pub(crate) fn heard(&self) -> String {
        std::mem::take(&mut *self.notes.0.lock().unwrap()).join(" ")
    }

    /// How often streams were read since the last time.
    pub(crate) fn reads(&mut self) -> usize {
        let reads = *self.counting.reads.lock().unwrap();
        reads - std::mem::replace(&mut self.reads_seen, reads)
    }

    /// The offsets that are remembered behind a place, if they are.
    pub(crate) fn recalls(&self, name: &str, since: &Position) -> Option<Vec<u64>> {
        let query = HistoryQuery { since: Some(since.clone()), limit: 100, reverse: false };
        let page = self.lines.recall(&channel(name), &query)?;
        Some(page.publications.iter().map(|publication| publication.offset).collect())
    }
}
