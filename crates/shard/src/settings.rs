//! What a shard is given.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use trunkline_core::codec::{Codec, CodecId, Endpoint};
use trunkline_core::gate::{Gate, Policy};
use trunkline_core::rate::Rates;
use trunkline_node::Node;
use trunkline_node::mailbox::Mailbox;
use trunkline_telemetry::Protocol;
use trunkline_transport::{Acceptor, Handoff, Proxies, Socket, TlsAcceptor, UpgradePolicy};

/// Where sockets wait that another shard has accepted.
pub type Intake = Arc<Mailbox<Socket>>;

/// Takes a connection that turned out to be ordinary HTTP; gives it back when there is no room.
pub type HandOver = dyn Fn(Handoff) -> Result<(), Handoff> + Send + Sync;

/// What a shard knows of its node. Each has its own copy, so that looking at it touches no other
/// core.
#[derive(Clone)]
pub struct Settings {
    /// The node.
    pub node: Arc<Node>,
    /// The codecs, by their id.
    pub codecs: Vec<Arc<dyn Codec>>,
    /// What each codec is counted as, by its id.
    pub labels: Vec<Protocol>,
    /// The paths clients connect to.
    pub endpoints: Vec<Arc<dyn Endpoint>>,
    /// Who checks tokens.
    pub gate: Arc<dyn Gate>,
    /// What holds without a token.
    pub policy: Policy,
    /// What is agreed to when a WebSocket is opened.
    pub upgrade: UpgradePolicy,
    /// Makes TLS of accepted TCP connections.
    pub tls: Option<TlsAcceptor>,
    /// How often one connection may do what.
    pub per_connection: Rates,
    /// Whether what is done from an address is counted.
    pub counts_addresses: bool,
    /// Header fields of requests that the application wants to see, in small letters.
    pub forwarded: Vec<Box<str>>,
    /// Whether who cannot be let in is refused by an HTTP status, where its request says who it is.
    /// Otherwise the connection is opened, and closed with its protocol's code.
    pub withholds: bool,
    /// Whose word is taken for the address a client has.
    pub proxies: Proxies,
    /// When time began, for all shards and the node.
    pub started: Instant,
    /// Where everything that is no endpoint goes.
    pub hand_over: Arc<HandOver>,
    /// Connections of all shards together, bounded by `limits.connections`.
    pub connections: Arc<AtomicUsize>,
}

impl Settings {
    /// The codec of a connection.
    pub(crate) fn codec(&self, id: CodecId) -> &dyn Codec {
        &*self.codecs[usize::from(id.0)]
    }
}

/// A listener of a shard.
pub struct Listening {
    /// The listener.
    pub acceptor: Acceptor,
    /// Whether its connections are for all shards in turn, because no other shard has a listener
    /// of the same address.
    pub spread: bool,
}
