//! A broker as a value, for tests and simulations: streams shared by several nodes of one process,
//! and between them a network that a driver moves, item by item.
//!
//! ```text
//!  node ── Requests ──────> ┌────────┐ <────── Requests ── node
//!       <─ Answers ──────── │ broker │ ─────── Answers ──>
//!       ── Subscriptions ─> │        │ <─ Subscriptions ──
//!       <─ Publications ─── └────────┘ ── Publications ──>
//! ```
//!
//! Each node has two connections, as to a real broker: one for what it asks and one for what it
//! listens to, and each has two directions, its [`Lane`]s. What crosses is an item in flight; a lane
//! keeps the order of its items, and different lanes owe each other nothing. [`Mode::AtOnce`] moves
//! every item by itself, for tests that want a backend. With [`Mode::Driven`] nothing moves but by
//! [`Broker::step`], so that whoever drives decides every race.
//!
//! What can go wrong, goes wrong on demand: connections break ([`Broker::cut`]), requests are given
//! up without anybody knowing whether they were done ([`Broker::fail_requests`]), nodes die
//! ([`Broker::detach`], [`Broker::expire`]), a failover loses what was acknowledged last
//! ([`Broker::roll_back`]), or everything ([`Broker::forget`]).
//!
//! Nothing here asks for time or randomness: the time is what [`Broker::set_time`] was told last,
//! names and ids come from the seed. Driven by one thread, the same seed and the same steps give the
//! same run to the last byte.
//!
//! ```
//! use std::sync::Arc;
//! use trunkline_core::{backend::{Backend, Sink}, publication::Draft, signal::NodeId};
//! use trunkline_model_broker::{Broker, Lane, Link, Mode};
//! # use trunkline_core::{channel::ChannelName, publication::Message, signal::Signal};
//! # struct Nobody;
//! # impl Sink for Nobody {
//! #     fn deliver(&self, _: &ChannelName, _: Message) {}
//! #     fn doubt(&self, _: &ChannelName) {}
//! #     fn receive(&self, _: Signal) {}
//! #     fn overloaded(&self) -> bool { false }
//! # }
//! # let sink = Arc::new(Nobody);
//! let broker = Broker::new(Mode::Driven, 42);
//! let id = NodeId::new("a");
//! let node = broker.attach(id.clone(), sink);
//! let draft = Draft::new(ChannelName::parse("chat").unwrap());
//! node.publish(draft, Box::new(|outcome| assert!(outcome.is_ok())));
//! let requests = Link { node: id.clone(), lane: Lane::Requests };
//! assert_eq!(broker.pending(&requests), 1);
//! assert!(broker.step(&requests), "it reaches the broker");
//! assert!(broker.step(&Link { node: id, lane: Lane::Answers }), "and its answer the node");
//! ```
//!
//! | module | what |
//! |---|---|
//! | `attached` | the ports `Backend` and `Roster`, as a node has them |
//! | `network` | moving items, breaking and mending connections |
//! | `parcel` | what crosses |
//! | `port` | one node as the broker knows it, with its lanes |
//! | `serving` | what the broker does with a request |
//! | `streams`, `outcomes` | streams, and how the latest publications are lost |
//! | `presence` | who is in which channel |
//! | `chance` | names and ids from a seed |

mod attached;
mod chance;
mod network;
mod outcomes;
mod parcel;
mod port;
mod presence;
mod serving;
mod streams;

use std::sync::Arc;

use trunkline_core::backend::Sink;
use trunkline_core::channel::ChannelName;
use trunkline_core::position::Position;
use trunkline_core::signal::NodeId;
use trunkline_core::time::WallTime;

use crate::network::Network;

pub use attached::Attached;

/// Who moves what is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It moves by itself, as soon as it is there. Nodes may be used from any thread.
    AtOnce,
    /// A driver moves it, with [`Broker::step`].
    Driven,
}

/// One direction of one of a node's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// From the node: what is to be published, read, removed, announced, signalled, and who comes
    /// and goes.
    Requests,
    /// To the node: what became of its requests.
    Answers,
    /// From the node: what it wants to hear, and what no longer.
    Subscriptions,
    /// To the node: publications, announcements, signals, and that a channel is heard now.
    Publications,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Requests, Self::Answers, Self::Subscriptions, Self::Publications];
}

/// A lane of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// The node.
    pub node: NodeId,
    /// The lane.
    pub lane: Lane,
}

/// The broker and the network around it. Clones are the same one.
#[derive(Clone)]
pub struct Broker {
    network: Arc<Network>,
}

impl Broker {
    /// A broker without streams or nodes, at time 0. `seed` decides every name and id it gives.
    #[must_use]
    pub fn new(mode: Mode, seed: u64) -> Self {
        Self { network: Arc::new(Network::new(mode, seed)) }
    }

    /// Connects a node, which is delivered to through `sink`. A node of the same id that is
    /// connected still is [detached](Self::detach) first.
    #[must_use]
    pub fn attach(&self, id: NodeId, sink: Arc<dyn Sink>) -> Arc<Attached> {
        let (number, before) = self.network.with(|state| state.attach(id.clone(), sink));
        drop(before); // Like in `detach`.
        Arc::new(Attached::new(Arc::clone(&self.network), id, number))
    }

    /// A node dies: what is in flight from and to it is gone and nobody there is told anything, nor
    /// will be. Its connections stay in their channels until [`Broker::expire`].
    pub fn detach(&self, node: &NodeId) {
        // Dropping completions may run foreign code, which must not find the lock held.
        drop(self.network.with(|state| state.nodes.remove(node)));
    }

    /// Takes a dead node's connections out of their channels, and tells those who want to hear it,
    /// as if each had left.
    pub fn expire(&self, node: &NodeId) {
        self.network.with(|state| state.expire(node)).into_iter().for_each(|act| act());
        self.network.run();
    }

    /// Every lane of every node, in a fixed order.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let nodes: Vec<NodeId> = self.network.with(|state| state.nodes.keys().cloned().collect());
        let link = |node: NodeId| Lane::ALL.map(|lane| Link { node: node.clone(), lane });
        nodes.into_iter().flat_map(link).collect()
    }

    /// Items that wait in a lane; 0 for a node that is not connected.
    #[must_use]
    pub fn pending(&self, link: &Link) -> usize {
        let pending = |port: &port::Port| port.pending(link.lane);
        self.network.with(|state| state.nodes.get(&link.node).map_or(0, pending))
    }

    /// What the next item of a lane is, in a few words for a trace.
    #[must_use]
    pub fn describe(&self, link: &Link) -> Option<String> {
        self.network.with(|state| state.nodes.get(&link.node)?.describe(link.lane))
    }

    /// Moves the next item of a lane to the other end, where it has its effect before this returns.
    /// False if none waits, or none can get through. What that causes is in flight in its turn.
    #[must_use = "an item that did not move waits still"]
    pub fn step(&self, link: &Link) -> bool {
        let moved = self.network.step(link);
        self.network.run();
        moved
    }

    /// Moves items, lane by lane, until none can move any more or `most` have; says how many.
    pub fn settle(&self, most: usize) -> usize {
        (0..most).take_while(|_| self.network.step_any()).count()
    }

    /// Interrupts a lane.
    ///
    /// - `Requests`, `Answers`: what is in flight waits there, until the lane is healed or
    ///   [`Broker::fail_requests`].
    /// - `Subscriptions`, `Publications`: the connection of both breaks. What was in flight on it is
    ///   lost, and so is all that would follow. Who waits to hear a channel is told
    ///   [`Unavailable`](trunkline_core::backend::BackendError::Unavailable).
    pub fn cut(&self, link: &Link) {
        self.network.with(|state| state.cut(link)).into_iter().for_each(|act| act());
    }

    /// Undoes [`Broker::cut`]. Where the connection of subscriptions was broken, a wish for each
    /// channel the node wants to hear is now in flight; when it has reached the broker, a doubt about
    /// that channel is in flight to the node's sink.
    pub fn heal(&self, link: &Link) {
        self.network.with(|state| state.heal(link));
        self.network.run();
    }

    /// Whether a lane is cut.
    #[must_use]
    pub fn is_cut(&self, link: &Link) -> bool {
        let is_cut = |port: &port::Port| port.is_cut(link.lane);
        self.network.with(|state| state.nodes.get(&link.node).is_some_and(is_cut))
    }

    /// The node gives up what it waits for, as after a timeout or a broken connection: every request
    /// in flight and every answer is lost, and whoever asked is told
    /// [`Unavailable`](trunkline_core::backend::BackendError::Unavailable). Requests that had not
    /// reached the broker are not done, the others are. Comings and goings stay in flight: a node
    /// repeats them until they are known.
    pub fn fail_requests(&self, node: &NodeId) {
        self.network.with(|state| state.fail_requests(node)).into_iter().for_each(|act| act());
        self.network.run();
    }

    /// Loses the last `n` publications that took a place, in any channel, as a failover to a copy
    /// that lagged does: epochs stay, and the same offsets are given again to other publications.
    /// Outcomes of idempotent publishes are lost with them; what retention had dropped stays dropped.
    /// What is in flight already stays so. Gives what was lost, the latest first; the latest 10,000
    /// can be.
    pub fn roll_back(&self, n: usize) -> Vec<(ChannelName, Position)> {
        self.network.with(|state| state.streams.roll_back(n))
    }

    /// The same, where the broker notices it: every stream that there is goes on under another name,
    /// and remembers the one it had with the place it had come to.
    pub fn fail_over(&self, n: usize) -> Vec<(ChannelName, Position)> {
        self.network.with(|state| {
            let lost = state.streams.roll_back(n);
            state.streams.rename();
            lost
        })
    }

    /// Loses all streams and outcomes, as a restart of a broker without persistence does: each stream
    /// begins anew, under another epoch.
    pub fn forget(&self) {
        self.network.with(|state| state.streams.forget());
    }

    /// Drops all but the newest `keep` publications of a channel.
    pub fn trim(&self, channel: &ChannelName, keep: usize) {
        self.network.with(|state| state.streams.trim(channel, keep));
    }

    /// Says what time it is, from now on.
    pub fn set_time(&self, now: WallTime) {
        self.network.with(|state| state.streams.now = now);
    }

    /// What time it is here.
    #[must_use]
    pub fn time(&self) -> WallTime {
        self.network.with(|state| state.streams.now)
    }
}
