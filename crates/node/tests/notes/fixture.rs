//! Nodes that share a backend in memory, and know nothing else of each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{Backend, Completion, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::Limits;
use trunkline_core::namespace::{ChannelOptions, Namespaces, Retention};
use trunkline_core::note::Notes;
use trunkline_core::publication::Message;
use trunkline_core::rate::Rates;
use trunkline_core::signal::{NodeId, Signal};
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::event::Event;
use trunkline_node::mailbox::Mailbox;
use trunkline_node::presence::LocalRoster;
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_telemetry::Metrics;

use crate::schedules::PlainForm;

/// Nodes on one backend, and the time of all of them.
pub(crate) struct Scene {
    pub(crate) backend: Arc<MemoryBackend>,
    everyone: Arc<Everyone>,
    now: Arc<AtomicU64>,
}

/// Every node hears everything.
#[derive(Default)]
struct Everyone(Mutex<Vec<Arc<Switchboard>>>);

impl Everyone {
    fn each(&self, tell: impl Fn(&Switchboard)) {
        let nodes = self.0.lock().unwrap().clone();
        nodes.iter().for_each(|node| tell(node));
    }
}

impl Sink for Everyone {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        self.each(|node| node.deliver(channel, message.clone()));
    }

    fn doubt(&self, channel: &ChannelName) {
        self.each(|node| node.doubt(channel));
    }

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

/// One node, and the mail of its only shard.
pub(crate) struct Member {
    pub(crate) node: Arc<Node>,
    mailbox: Arc<Mailbox<Event>>,
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

pub(crate) fn kept(size: usize) -> ChannelOptions {
    let retention = Retention { size, ttl_ms: 600_000, bytes: 1 << 20 };
    ChannelOptions { retention: Some(retention), recovery: true, ..ChannelOptions::default() }
}

/// Messages an inbox keeps, and those a channel without a namespace keeps.
pub(crate) const KEPT: usize = 10;

impl Scene {
    pub(crate) fn new() -> Self {
        let now = Arc::new(AtomicU64::new(1_000));
        let (everyone, wall) = (Arc::<Everyone>::default(), Arc::clone(&now));
        let clock = Box::new(move || WallTime(wall.load(Ordering::Relaxed)));
        let backend = Arc::new(MemoryBackend::new(everyone.clone(), clock));
        Self { backend, everyone, now }
    }

    /// A node begins.
    pub(crate) fn start(&self, name: &str) -> Member {
        self.start_on(name, self.backend.clone())
    }

    /// The same, with its notes kept there.
    pub(crate) fn start_on(&self, name: &str, notes: Arc<dyn Notes>) -> Member {
        self.start_with(name, notes, kept(KEPT))
    }

    /// The same, with inboxes of these options.
    pub(crate) fn start_with(
        &self,
        name: &str,
        notes: Arc<dyn Notes>,
        inbox: ChannelOptions,
    ) -> Member {
        self.start_over(name, (self.backend.clone(), notes), inbox)
    }

    /// The same, with another way to its backend.
    pub(crate) fn start_over(
        &self,
        name: &str,
        (backend, notes): (Arc<dyn Backend>, Arc<dyn Notes>),
        inbox: ChannelOptions,
    ) -> Member {
        let mailbox = Arc::new(Mailbox::new(1_000, Box::new(|| ())));
        let switchboard = Arc::new(Switchboard::new(vec![Arc::clone(&mailbox)]));
        self.everyone.0.lock().unwrap().push(Arc::clone(&switchboard));
        let mut namespaces = Namespaces::new(Some(kept(KEPT)));
        namespaces.set_inbox(inbox);
        let node = Arc::new(Node::new(Parts {
            id: NodeId::new(name),
            name: name.into(),
            namespaces,
            limits: Limits::default(),
            metrics: Metrics::new(1),
            switchboard,
            backend,
            notes,
            schedule_form: Arc::new(PlainForm),
            roster: Arc::new(LocalRoster::new(self.backend.clone())),
            application: None,
            observer: None,
            per_user: Rates::default(),
            per_address: Rates::default(),
            lines: None,
        }));
        node.begin(self.now());
        Member { node, mailbox }
    }

    pub(crate) fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }

    /// Much time passes, and nobody notices but the backend.
    pub(crate) fn skip(&self, millis: u64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
        self.backend.sweep();
    }

    /// Time passes, and these nodes notice.
    pub(crate) fn pass(&self, millis: u64, nodes: &[&Member]) {
        let mut rest = millis;
        while rest > 0 {
            let step = rest.min(250);
            self.now.fetch_add(step, Ordering::Relaxed);
            rest -= step;
            nodes.iter().for_each(|member| member.node.tick(self.now()));
        }
    }
}

impl Member {
    /// What its shard was told since the last time.
    pub(crate) fn mail(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.mailbox.drain(&mut events);
        events
    }
}

/// What is answered at once, as by a backend in memory.
pub(crate) fn told<T: Send + 'static>(ask: impl FnOnce(Completion<T>)) -> T {
    let slot = Arc::new(Mutex::new(None));
    let filled = Arc::clone(&slot);
    ask(Box::new(move |answer| *filled.lock().unwrap() = Some(answer)));
    let answer = slot.lock().unwrap().take();
    answer.expect("an answer")
}
