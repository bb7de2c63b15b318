//! Nodes whose sinks write down what they are told.

use std::sync::{Arc, Mutex};

use trunkline_core::backend::{Backend, BackendError, Completion, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::namespace::Retention;
use trunkline_core::position::Position;
use trunkline_core::publication::{Draft, Message, Publication};
use trunkline_core::signal::{NodeId, Signal};
use trunkline_model_broker::{Attached, Broker, Lane, Link, Mode};

/// Items that may move at most before all is told: far more than any test puts in flight.
const MANY: usize = 100_000;

#[derive(Default)]
pub(crate) struct Notes {
    /// What was told, in words, in order.
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) publications: Mutex<Vec<Arc<Publication>>>,
}

impl Notes {
    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl Sink for Notes {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        match message {
            Message::Publication(publication) => {
                let data = String::from_utf8_lossy(&publication.data).into_owned();
                self.note(format!("{channel} {} {data} {}", publication.offset, publication.tag));
                self.publications.lock().unwrap().push(publication);
            }
            Message::Join(info) => self.note(format!("{channel} join {}", info.user.as_str())),
            Message::Leave(info) => self.note(format!("{channel} leave {}", info.user.as_str())),
        }
    }

    fn doubt(&self, channel: &ChannelName) {
        self.note(format!("{channel} doubt"));
    }

    fn receive(&self, signal: Signal) {
        self.note(format!("{signal:?}"));
    }

    fn overloaded(&self) -> bool {
        false
    }
}

/// A node and what it was told.
pub(crate) struct Node {
    pub(crate) at: Arc<Attached>,
    pub(crate) notes: Arc<Notes>,
}

pub(crate) fn driven() -> Broker {
    Broker::new(Mode::Driven, 7)
}

pub(crate) fn settle(broker: &Broker) {
    assert!(broker.settle(MANY) < MANY, "it comes to rest");
}

pub(crate) fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

/// A draft for a channel that keeps ten.
pub(crate) fn draft(name: &str, data: &str) -> Draft {
    Draft {
        data: data.to_owned().into(),
        retention: Some(Retention { size: 10, ttl_ms: 60_000, bytes: 1 << 20 }),
        ..Draft::new(channel(name))
    }
}

/// What an operation came to, once it has.
pub(crate) type Slot<T> = Arc<Mutex<Option<Result<T, BackendError>>>>;

pub(crate) fn slot<T: Send + 'static>() -> (Slot<T>, Completion<Result<T, BackendError>>) {
    let slot = Slot::default();
    let filled = Arc::clone(&slot);
    let done = move |outcome| {
        assert!(filled.lock().unwrap().replace(outcome).is_none(), "told once");
    };
    (slot, Box::new(done))
}

/// What a slot holds, which is then empty.
pub(crate) fn told<T>(slot: &Slot<T>) -> Option<Result<T, BackendError>> {
    slot.lock().unwrap().take()
}

impl Node {
    pub(crate) fn new(broker: &Broker, id: &str) -> Self {
        let notes = Arc::new(Notes::default());
        let at = broker.attach(NodeId::new(id), Arc::clone(&notes) as Arc<dyn Sink>);
        Self { at, notes }
    }

    pub(crate) fn link(&self, lane: Lane) -> Link {
        Link { node: self.at.id().clone(), lane }
    }

    /// What was told since the last time.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lines.lock().unwrap())
    }

    /// The same, with only the first words of each line: what, where, which number and data.
    pub(crate) fn heard_data(&self) -> Vec<String> {
        let data = |line: String| line.rsplit_once(' ').map(|(data, _)| data.to_owned()).unwrap();
        self.heard().into_iter().map(data).collect()
    }

    pub(crate) fn publish(&self, draft: Draft) -> Slot<trunkline_core::backend::Published> {
        let (slot, done) = slot();
        self.at.publish(draft, done);
        slot
    }

    /// Publishes while all moves; the place.
    pub(crate) fn placed(&self, broker: &Broker, draft: Draft) -> Position {
        let slot = self.publish(draft);
        settle(broker);
        told(&slot).unwrap().unwrap().position.unwrap()
    }

    pub(crate) fn listen(&self, name: &str) -> Slot<()> {
        let (slot, done) = slot();
        self.at.listen(&channel(name), done);
        slot
    }

    /// Reads what is behind a place while all moves.
    pub(crate) fn since(&self, broker: &Broker, name: &str, since: &Position) -> HistoryPage {
        let (slot, done) = slot();
        let query = HistoryQuery { since: Some(since.clone()), limit: 100, reverse: false };
        self.at.history(&channel(name), query, done);
        settle(broker);
        told(&slot).unwrap().unwrap()
    }
}
