//! Nodes, and waiting for what they are asked.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel as line};
use std::time::Duration;

use trunkline_core::backend::{Backend, BackendError, Completion, Published, Sink};
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::position::Position;
use trunkline_core::publication::{Draft, Publication};
use trunkline_core::signal::NodeId;

use crate::Subject;
use crate::content::channel;
use crate::recorder::{Notes, Recorder, asking_to_listen};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Publications in one page, where all are wanted: more than any case keeps.
pub(crate) const ALL: usize = 10_000;

/// A subject and the nodes it has had.
pub(crate) struct Stage<'s> {
    pub(crate) subject: &'s dyn Subject,
    world: u64,
    lives: Cell<u32>,
}

/// A node: a backend and what it has delivered.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) heard: Arc<Recorder>,
}

impl<'s> Stage<'s> {
    pub(crate) fn new(subject: &'s dyn Subject) -> Self {
        Self { subject, world: RandomState::new().hash_one(0), lives: Cell::new(0) }
    }

    /// Starts a node.
    pub(crate) fn node(&self) -> Node {
        self.lives.set(self.lives.get() + 1);
        let id = NodeId::new(&format!("{:016x}-{}", self.world, self.lives.get()));
        let heard = Arc::new(Recorder::default());
        let backend = self.subject.open(&id, Arc::clone(&heard) as Arc<dyn Sink>);
        Node { id, backend, heard }
    }

    /// Starts `most` nodes, or one where nodes share nothing.
    pub(crate) fn nodes(&self, most: usize) -> Vec<Node> {
        let first = self.node();
        let others = if first.is_shared() { most - 1 } else { 0 };
        std::iter::once(first).chain((0..others).map(|_| self.node())).collect()
    }
}

/// A node of a fresh stage that listens to some channels.
pub(crate) fn listener(subject: &dyn Subject, names: &[&str]) -> Node {
    let node = Stage::new(subject).node();
    names.iter().for_each(|name| node.listen(name));
    node
}

/// Something that will be told.
pub(crate) struct Pending<T>(Receiver<Result<T, BackendError>>);

impl<T> Pending<T> {
    /// Waits for it.
    pub(crate) fn outcome(self) -> Result<T, BackendError> {
        match self.0.recv_timeout(DEADLINE) {
            Ok(outcome) => outcome,
            Err(error) => panic!("an operation was never answered: {error}"),
        }
    }

    /// Waits for it to succeed.
    pub(crate) fn done(self) -> T {
        match self.outcome() {
            Ok(done) => done,
            Err(error) => panic!("an operation failed: {error}"),
        }
    }
}

fn pending<T: Send + 'static>() -> (Pending<T>, Completion<Result<T, BackendError>>) {
    let (tell, told) = line();
    let done = move |outcome| drop(tell.send(outcome)); // The case may have failed already.
    (Pending(told), Box::new(done))
}

impl Node {
    pub(crate) fn is_shared(&self) -> bool {
        self.backend.guarantees().shared
    }

    pub(crate) fn begin(&self, draft: Draft) -> Pending<Published> {
        let (pending, done) = pending();
        self.backend.publish(draft, done);
        pending
    }

    /// Publishes, and waits until it is acknowledged.
    pub(crate) fn publish(&self, draft: Draft) -> Published {
        self.begin(draft).done()
    }

    /// Publishes what is kept; its place.
    pub(crate) fn place(&self, draft: Draft) -> Position {
        self.publish(draft).position.expect("what is kept has a place")
    }

    pub(crate) fn read(&self, name: &str, query: HistoryQuery) -> HistoryPage {
        let (pending, done) = pending();
        self.backend.history(&channel(name), query, done);
        pending.done()
    }

    /// All that a channel keeps.
    pub(crate) fn all(&self, name: &str) -> HistoryPage {
        self.read(name, HistoryQuery { since: None, limit: ALL, reverse: false })
    }

    /// All that follows a place.
    pub(crate) fn since(&self, name: &str, place: &Position) -> HistoryPage {
        self.read(name, HistoryQuery { since: Some(place.clone()), limit: ALL, reverse: false })
    }

    /// The place of the top.
    pub(crate) fn top(&self, name: &str) -> Position {
        self.read(name, HistoryQuery::default()).top
    }

    pub(crate) fn remove(&self, name: &str) {
        let (pending, done) = pending();
        self.backend.remove_history(&channel(name), done);
        pending.done();
    }

    pub(crate) fn begin_listening(&self, name: &str) -> Pending<()> {
        let (pending, done) = pending();
        asking_to_listen(|| self.backend.listen(&channel(name), done));
        pending
    }

    /// Listens, and waits until the channel is heard.
    pub(crate) fn listen(&self, name: &str) {
        self.begin_listening(name).done();
    }

    pub(crate) fn unlisten(&self, name: &str) {
        self.backend.unlisten(&channel(name));
    }

    /// Waits until `count` publications of a channel have been delivered; gives all there are.
    pub(crate) fn delivered(&self, name: &str, count: usize) -> Vec<Arc<Publication>> {
        let channel = channel(name);
        let what = format!("{count} publications of {name}");
        let enough = |notes: &Notes| notes.count(&channel) >= count;
        self.heard.until(&what, enough).publications(&channel)
    }

    /// Everything told so far that came before this: something published now, in a channel of its
    /// own, has arrived.
    pub(crate) fn settled(&self, publisher: &Self) -> Notes {
        let fence = channel("fence");
        self.listen("fence");
        let before = self.heard.notes().count(&fence);
        publisher.publish(Draft::new(fence.clone()));
        self.heard.until("the fence is heard", |notes| notes.count(&fence) > before)
    }
}
