//! Nodes with one mailbox each in place of a shard.

use std::sync::{Arc, Mutex};

use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::Completion;
use trunkline_core::channel::ChannelName;
use trunkline_core::control::Control;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::limits::Limits;
use trunkline_core::namespace::{ChannelOptions, Namespaces};
use trunkline_core::publication::Message;
use trunkline_core::rate::Rates;
use trunkline_core::revocation::Revocation;
use trunkline_core::roster::Roster;
use trunkline_core::signal::{ConnectionReport, NodeId};
use trunkline_core::time::{Tick, WallTime};
use trunkline_model_broker::{Attached, Broker, Lane, Link, Mode};
use trunkline_node::event::Event;
use trunkline_node::mailbox::Mailbox;
use trunkline_node::schedules::NoSchedules;
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_telemetry::Metrics;

/// Items that may move at most before all is told: far more than any test puts in flight.
const MANY: usize = 100_000;

/// Events the mailbox takes before its node counts as overloaded.
pub(crate) const MAILBOX: usize = 8;

/// How long exits are held back in the namespace `held`, in milliseconds.
pub(crate) const DEBOUNCE_MS: u64 = 5_000;

/// Nodes and what joins them.
pub(crate) struct Cluster {
    pub(crate) broker: Broker,
    pub(crate) nodes: Vec<Member>,
    /// What all nodes keep their notes in.
    notes: Arc<MemoryBackend>,
    now: Tick,
}

/// One node, what its shard has, and what its shard was told.
pub(crate) struct Member {
    pub(crate) node: Arc<Node>,
    pub(crate) channels: Vec<(ChannelName, usize)>,
    pub(crate) connections: Vec<ConnectionReport>,
    pub(crate) controls: Vec<Control>,
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) commands: Vec<(ClientId, String)>,
    /// Who came and went, in words.
    pub(crate) heard: Vec<String>,
    attached: Arc<Attached>,
    mailbox: Arc<Mailbox<Event>>,
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

pub(crate) fn info(client: u128, user: &str) -> Arc<ClientInfo> {
    let (client, user) = (ClientId(client), UserId::new(user));
    Arc::new(ClientInfo { user, client, conn_info: None, chan_info: None })
}

/// The names of the namespaces say what they do.
fn namespaces() -> Namespaces {
    let told = ChannelOptions { presence: true, join_leave: true, ..ChannelOptions::default() };
    let mut namespaces = Namespaces::new(Some(ChannelOptions::default()));
    namespaces.insert("held", ChannelOptions { debounce_ms: DEBOUNCE_MS, ..told.clone() });
    namespaces.insert("told", told);
    namespaces
}

impl Cluster {
    /// Nodes that have begun one after the other, at time 0, and know each other.
    pub(crate) fn of(names: &[&str]) -> Self {
        let nowhere = Arc::new(Switchboard::new(Vec::new()));
        let notes = Arc::new(MemoryBackend::new(nowhere, Box::new(|| WallTime(1))));
        let broker = Broker::new(Mode::Driven, 7);
        let mut cluster = Self { broker, nodes: Vec::new(), notes, now: Tick(0) };
        for name in names {
            cluster.start(name);
        }
        cluster.settle();
        cluster
    }

    /// A node begins. Nobody has heard it yet.
    pub(crate) fn start(&mut self, name: &str) {
        let mailbox = Arc::new(Mailbox::new(MAILBOX, Box::new(|| ())));
        let switchboard = Arc::new(Switchboard::new(vec![Arc::clone(&mailbox)]));
        let attached = self.broker.attach(NodeId::new(name), switchboard.clone());
        let node = Arc::new(Node::new(Parts {
            id: NodeId::new(name),
            name: format!("node {name}").into(),
            namespaces: namespaces(),
            limits: Limits::default(),
            metrics: Metrics::new(1),
            backend: attached.clone(),
            notes: self.notes.clone(),
            switchboard,
            roster: attached.clone(),
            schedule_form: Arc::new(NoSchedules),
            application: None,
            observer: None,
            per_user: Rates::default(),
            per_address: Rates::default(),
            lines: None,
        }));
        node.begin(self.now);
        self.nodes.push(Member {
            node,
            channels: Vec::new(),
            connections: Vec::new(),
            controls: Vec::new(),
            revocations: Vec::new(),
            commands: Vec::new(),
            heard: Vec::new(),
            attached,
            mailbox,
        });
    }

    /// Moves everything in flight to its end. The shards have not looked yet.
    pub(crate) fn deliver(&self) {
        assert!(self.broker.settle(MANY) < MANY, "it comes to rest");
    }

    /// The same, and all shards do what they are told, until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        loop {
            self.deliver();
            let worked = self.nodes.iter_mut().map(Member::work).filter(|worked| *worked).count();
            if worked == 0 {
                return;
            }
        }
    }

    /// Time passes, a second at a time, with everything that comes of it.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now.after(millis);
        while self.now < end {
            self.now = self.now.after(1_000).min(end);
            for member in &self.nodes {
                member.node.tick(self.now);
            }
            self.settle();
        }
    }

    /// A node dies: it says nothing more, and nobody is told.
    pub(crate) fn kill(&mut self, at: usize) {
        let dead = self.nodes.remove(at);
        self.broker.detach(&dead.node.id);
    }

    /// A node ends as it should.
    pub(crate) fn stop(&mut self, at: usize) {
        let leaving = self.nodes.remove(at);
        leaving.node.farewell();
        self.settle();
        self.broker.detach(&leaving.node.id);
    }

    /// Breaks a connection of a node.
    pub(crate) fn cut(&self, at: usize, lane: Lane) {
        self.broker.cut(&Link { node: self.nodes[at].node.id.clone(), lane });
    }

    /// The names of the nodes that one of them knows, itself included.
    pub(crate) fn known_to(&self, at: usize) -> Vec<String> {
        let reports = self.nodes[at].node.nodes();
        reports.iter().map(|report| report.node.to_string()).collect()
    }

    /// Who is in a channel, as one node is told.
    pub(crate) fn members(&self, at: usize, name: &str) -> Vec<u128> {
        let (slot, done) = slot();
        self.nodes[at].attached.members(&channel(name), done);
        self.deliver();
        let members = slot.lock().unwrap().take().expect("an answer").expect("it is there");
        members.iter().map(|info| info.client.0).collect()
    }
}

impl Member {
    /// The shard takes its mail; says whether there was any.
    fn work(&mut self) -> bool {
        let mut events = Vec::new();
        self.mailbox.drain(&mut events);
        let worked = !events.is_empty();
        for event in events {
            match event {
                Event::Survey(survey) => {
                    survey.report(self.channels.iter().map(|(name, n)| (name, *n)));
                }
                Event::Connections(survey) => survey.report(self.connections.iter().cloned()),
                Event::Control(control) => self.controls.push((*control).clone()),
                Event::Revoked(one) => self.revocations.push((*one).clone()),
                Event::Command { client, data } => {
                    let text = String::from_utf8_lossy(&data).into_owned();
                    self.commands.push((client, text));
                }
                Event::Deliver { message, .. } => self.heard.push(match message {
                    Message::Join(info) => format!("{} joins", info.user.as_str()),
                    Message::Leave(info) => format!("{} leaves", info.user.as_str()),
                    Message::Publication(_) => "a publication".to_owned(),
                }),
                other => panic!("{other:?}"),
            }
        }
        worked
    }

    /// The shard gets more mail than it can take.
    pub(crate) fn flood(&self) {
        for _ in 0..MAILBOX {
            self.mailbox.push(Event::Doubt { channel: channel("flood") });
        }
    }

    /// What it has heard since the last time.
    pub(crate) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard)
    }
}

/// What an operation came to, once it has.
pub(crate) type Slot<T> = Arc<Mutex<Option<T>>>;

pub(crate) fn slot<T: Send + 'static>() -> (Slot<T>, Completion<T>) {
    let slot = Slot::default();
    let filled = Arc::clone(&slot);
    let done = move |outcome| {
        assert!(filled.lock().unwrap().replace(outcome).is_none(), "told once");
    };
    (slot, Box::new(done))
}
