//! A node of one or two shards, as the server composes it, on a free port of the loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, channel as pipe};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use trunkline_backend_memory::MemoryBackend;
use trunkline_core::application::Application;
use trunkline_core::backend::{Backend, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::gate::Policy;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::identity::ClientInfo;
use trunkline_core::limits::Limits;
use trunkline_core::observer::Observer;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::rate::Rates;
use trunkline_core::roster::Roster;
use trunkline_core::signal::NodeId;
use trunkline_core::time::{Tick, WallTime};
use trunkline_model_broker::Broker;
use trunkline_node::event::Event;
use trunkline_node::mailbox::Mailbox;
use trunkline_node::presence::LocalRoster;
use trunkline_node::schedules::NoSchedules;
use trunkline_node::survey::{ChannelSurvey, Pattern};
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_protocol::registry::{self, EndpointOptions};
use trunkline_shard::{Listening, Settings, Shard, ShardHandle};
use trunkline_telemetry::{Gap, Metrics, Protocol, ShardCounters};
use trunkline_transport::{
    Acceptor, DeflateOptions, Handoff, ListenAddr, OriginPolicy, Proxies, UpgradePolicy,
    bind_shared, bind_single,
};

use super::channels::{channel, namespaces};
use super::client::{Client, Upgrade};
use super::gate::PlainWords;
use super::losing::Losing;
use super::peer::Peer;
use super::secrets::Secrets;
use super::waiting::{PATIENCE, eventually};
use super::withholding::Withholding;

/// Connections a test opens at most to find one on the shard it wants.
const ATTEMPTS: usize = 64;

/// How a node shall be.
pub(crate) struct Setup {
    pub(crate) shards: usize,
    pub(crate) limits: Limits,
    /// One listener whose connections go to all shards in turn, instead of one for each shard.
    pub(crate) spread: bool,
    pub(crate) compression: bool,
    pub(crate) tls: bool,
    pub(crate) origins: OriginPolicy,
    /// Whether ordinary HTTP finds no room.
    pub(crate) full_reception: bool,
    pub(crate) per_address: Rates,
    pub(crate) proxies: Proxies,
    /// Whom it asks about clients; then only those whom it names are let in.
    pub(crate) application: Option<Arc<dyn Application>>,
    /// Who is told what they do.
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// What of their requests it is shown.
    pub(crate) forwarded: &'static [&'static str],
    /// Whether who is not let in is refused before anything is opened.
    pub(crate) withholds: bool,
    pub(crate) id: &'static str,
    /// What joins it to others; without one it is alone.
    pub(crate) broker: Option<Broker>,
}

impl Setup {
    /// A node whose every connection is accepted by the shard that serves it.
    pub(crate) fn with_shards(shards: usize) -> Self {
        Self {
            shards,
            limits: Limits::default(),
            spread: false,
            compression: false,
            tls: false,
            origins: OriginPolicy::Any,
            full_reception: false,
            per_address: Rates::default(),
            proxies: Proxies::default(),
            application: None,
            observer: None,
            forwarded: &[],
            withholds: false,
            id: "test",
            broker: None,
        }
    }

    /// The same, as one of several nodes.
    pub(crate) fn among(broker: &Broker, id: &'static str) -> Self {
        Self { id, broker: Some(broker.clone()), ..Self::with_shards(2) }
    }

    pub(crate) fn start(self) -> TestNode {
        TestNode::start(self)
    }
}

/// A running node, which ends when it is dropped.
pub(crate) struct TestNode {
    pub(crate) address: SocketAddr,
    pub(crate) node: Arc<Node>,
    pub(crate) backend: Arc<Withholding>,
    /// The way from the backend to the shards.
    pub(crate) way: Arc<Losing>,
    /// Connections that turned out to be ordinary HTTP.
    pub(crate) handed_over: Receiver<Handoff>,
    pub(crate) secrets: Option<Secrets>,
    mailboxes: Vec<Arc<Mailbox<Event>>>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

impl TestNode {
    fn start(setup: Setup) -> Self {
        let handles: Vec<ShardHandle> =
            (0..setup.shards).map(|_| ShardHandle::new().expect("an event loop")).collect();
        let mailboxes: Vec<_> = handles.iter().map(|handle| handle.mailbox.clone()).collect();
        let switchboard = Arc::new(Switchboard::new(mailboxes.clone()));
        let way = Arc::new(Losing::new(switchboard.clone()));
        let attached = setup.broker.map(|broker| broker.attach(NodeId::new(setup.id), way.clone()));
        let memory = Arc::new(MemoryBackend::new(way.clone(), Box::new(wall_clock)));
        let behind: Arc<dyn Backend> = match &attached {
            Some(attached) => attached.clone(),
            None => memory.clone(),
        };
        let backend = Arc::new(Withholding::new(behind));
        let roster: Arc<dyn Roster> = match attached {
            Some(attached) => attached,
            None => Arc::new(LocalRoster::new(backend.clone())),
        };
        let node = Arc::new(Node::new(Parts {
            id: NodeId::new(setup.id),
            name: setup.id.into(),
            namespaces: namespaces(),
            limits: setup.limits.clone(),
            metrics: Metrics::new(setup.shards),
            switchboard,
            backend: backend.clone(),
            notes: memory,
            roster,
            schedule_form: Arc::new(NoSchedules),
            application: setup.application.clone(),
            observer: setup.observer,
            per_user: Rates::default(),
            per_address: setup.per_address,
            lines: None,
        }));
        node.recall_revocations(Tick(0), WallTime(0));
        let secrets = setup.tls.then(Secrets::new);
        let (tell, handed_over) = pipe();
        let (address, listening) = listen(setup.shards, setup.spread);
        let settings = Settings {
            node: Arc::clone(&node),
            codecs: registry::codecs(),
            labels: vec![Protocol::Plain; registry::codecs().len()],
            endpoints: registry::endpoints(EndpointOptions::default()),
            gate: Arc::new(PlainWords),
            policy: Policy {
                anonymous: setup.application.is_none(),
                calls: setup.application.map(|asked| asked.calls()).unwrap_or_default(),
                ..Policy::default()
            },
            upgrade: UpgradePolicy {
                origins: setup.origins,
                deflate: DeflateOptions { enabled: setup.compression },
            },
            tls: secrets.as_ref().map(Secrets::acceptor),
            per_connection: Rates::default(),
            counts_addresses: !setup.per_address.is_empty()
                || node.limits.connections_per_address > 0,
            proxies: setup.proxies,
            forwarded: setup.forwarded.iter().map(|name| Box::from(*name)).collect(),
            withholds: setup.withholds,
            started: Instant::now(),
            hand_over: reception(setup.full_reception, tell),
            connections: Arc::new(AtomicUsize::new(0)),
        };
        let intakes: Vec<_> = handles.iter().map(|handle| handle.intake.clone()).collect();
        let shards = handles.into_iter().zip(listening).enumerate();
        let threads = shards.map(|(index, (handle, listening))| {
            let (settings, intakes) = (settings.clone(), intakes.clone());
            std::thread::spawn(move || {
                Shard::new(index, settings, handle, intakes, listening).run()
            })
        });
        let threads = threads.collect();
        Self { address, node, backend, way, handed_over, secrets, mailboxes, threads }
    }

    /// What one shard has counted.
    pub(crate) fn counters(&self, shard: usize) -> &ShardCounters {
        self.node.metrics.shard(shard)
    }

    /// What all shards have counted.
    pub(crate) fn count<N: std::iter::Sum>(&self, read: impl Fn(&ShardCounters) -> N) -> N {
        (0..self.mailboxes.len()).map(|shard| read(self.counters(shard))).sum()
    }

    /// Who is in a channel.
    pub(crate) fn presence(&self, channel: &ChannelName) -> Vec<Arc<ClientInfo>> {
        let (tell, told) = pipe();
        let done = Box::new(move |found| tell.send(found).expect("somebody waits"));
        self.node.presence(channel, done);
        told.recv().expect("an answer").expect("nothing is in the way")
    }

    /// How often somebody was told of a gap.
    pub(crate) fn gaps(&self) -> u64 {
        let reasons = [Gap::Trimmed, Gap::EpochChanged, Gap::Forked, Gap::Overflow, Gap::Limit];
        self.count(|c| reasons.iter().map(|reason| c.gaps.get(*reason)).sum::<u64>())
    }

    /// A connection that has said nothing yet.
    pub(crate) fn dial(&self) -> Peer {
        Peer::dial(self.address, self.secrets.as_ref())
    }

    /// A WebSocket that has not introduced itself.
    pub(crate) fn open(&self) -> Client {
        Client::upgrade(self.dial(), &Upgrade::default())
    }

    /// A client of the Centrifuge protocol, let in under this name.
    pub(crate) fn client(&self, user: &str) -> Client {
        let mut client = self.open();
        client.connect(user);
        client
    }

    /// The same, on a certain shard.
    pub(crate) fn client_on(&self, shard: usize, user: &str) -> Client {
        // Those that came elsewhere stay until one is found, so that the numbers only grow.
        let mut others = Vec::new();
        for _ in 0..ATTEMPTS {
            let before = self.counters(shard).connections.get();
            let client = self.client(user);
            if self.counters(shard).connections.get() > before {
                return client;
            }
            others.push(client);
        }
        panic!("no connection came to shard {shard}");
    }

    /// Publishes from outside.
    pub(crate) fn publish(&self, name: &str, data: &str) {
        publish(&self.node, name, data);
    }

    /// Delivers what stands at this offset of a stream once more.
    pub(crate) fn repeat(&self, name: &str, offset: u64) {
        let way = Arc::clone(&self.way);
        let at = channel(name);
        let query = HistoryQuery { since: None, limit: usize::MAX, reverse: false };
        let deliver = move |page: Result<HistoryPage, _>| {
            let page = page.expect("read");
            let found = page.publications.iter().find(|p| p.offset == offset).expect("kept");
            way.deliver(&at, Message::Publication(Arc::clone(found)));
        };
        self.node.history(&channel(name), query, Box::new(deliver));
    }

    /// Waits until every shard has taken all that is in its mailbox now.
    pub(crate) fn settle(&self) {
        for shard in 0..self.mailboxes.len() {
            drop(self.pause(shard));
        }
    }

    /// Stops a shard until the answer is dropped: whatever comes meanwhile is found by it all at
    /// once, in the next turn of its loop.
    pub(crate) fn pause(&self, shard: usize) -> Paused {
        let (reached, arrived) = pipe();
        let (resume, resumed) = pipe::<()>();
        let survey = ChannelSurvey::new(
            Pattern::new("*"),
            1,
            Box::new(move |_| {
                // Nobody waits for a shard whose test has failed.
                let _ = reached.send(());
                let _ = resumed.recv_timeout(PATIENCE);
            }),
        );
        self.mailboxes[shard].push(Event::Survey(Arc::new(survey)));
        arrived.recv_timeout(PATIENCE).expect("the shard takes its mail");
        Paused { _resume: resume }
    }

    /// Waits until the shards, which were told to end, have ended.
    pub(crate) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            eventually("the shard ends", || thread.is_finished());
            thread.join().expect("no panic").expect("no error");
        }
    }

    /// Waits until nothing is left of any client.
    #[track_caller]
    pub(crate) fn expect_empty(&self) {
        eventually("all connections are gone", || self.count(|c| c.connections.get()) == 0);
        eventually("all subscriptions are gone", || self.count(|c| c.subscriptions.get()) == 0);
        eventually("all channels are gone", || self.node.channel_count() == 0);
        eventually("all users are gone", || self.node.user_count() == 0);
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.node.stop();
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("no panic").expect("no error");
            }
        }
    }
}

/// Publishes as the server does; says nothing about when it arrives.
pub(crate) fn publish(node: &Node, name: &str, data: &str) {
    let channel = channel(name);
    let options = node.namespaces.options(&channel).expect("a namespace");
    let retention = options.retention;
    let draft = Draft { data: data.to_owned().into(), retention, ..Draft::new(channel) };
    node.publish(draft, Box::new(|outcome| drop(outcome.expect("published"))));
}

/// A shard that waits.
pub(crate) struct Paused {
    _resume: Sender<()>,
}

/// Takes ordinary HTTP, or has no room for it.
fn reception(full: bool, tell: Sender<Handoff>) -> Arc<trunkline_shard::settings::HandOver> {
    Arc::new(move |handoff| {
        if full {
            return Err(handoff);
        }
        tell.send(handoff).map_err(|unsent| unsent.0)
    })
}

fn listen(shards: usize, spread: bool) -> (SocketAddr, Vec<Vec<Listening>>) {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let acceptors: Vec<Acceptor> = if spread {
        vec![bind_single(&ListenAddr::Tcp(any)).expect("a free port")]
    } else {
        bind_shared(any, shards).expect("a free port").into_iter().map(Acceptor::from).collect()
    };
    let Ok(ListenAddr::Tcp(address)) = acceptors[0].local_addr() else {
        panic!("TCP was asked for");
    };
    // Where the system cannot share a port there is one listener for everybody.
    let spread = acceptors.len() != shards || spread;
    let mut listening: Vec<Vec<Listening>> = (0..shards).map(|_| Vec::new()).collect();
    for (at, acceptor) in acceptors.into_iter().enumerate() {
        listening[at].push(Listening { acceptor, spread });
    }
    (address, listening)
}

fn wall_clock() -> WallTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
