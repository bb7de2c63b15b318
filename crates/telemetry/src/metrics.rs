//! Where everything is counted.

use std::sync::Arc;
use std::time::Instant;

use crate::api_requests::ApiRequests;
use crate::catalogue::{CATALOGUE, Reading};
use crate::counter::{ByLabel, Counter, Gauge, SharedCounter, SharedGauge};
use crate::label::{Closed, Gap, Protocol, Refused, UpgradeFailure};

/// The media type of what [`Metrics::render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What one shard counts. The shard's thread alone adds, once per turn; see `docs/metrics.md`
/// for what each number says. Padded, so that no shard's counting disturbs another's cache.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardCounters {
    /// Connections held, handshakes included.
    pub connections: Gauge,
    /// Clients that got in.
    pub connected: ByLabel<Protocol>,
    /// Subscriptions held.
    pub subscriptions: Gauge,
    /// Commands of clients.
    pub messages_in: Counter,
    /// Messages of channels that somebody on this shard listens to.
    pub shard_messages: Counter,
    /// Messages handed to connections.
    pub deliveries: Counter,
    /// Bytes written to sockets.
    pub bytes_out: Counter,
    /// Connections the node closed.
    pub disconnects: ByLabel<Closed>,
    /// Connections closed because their bounded queue was full.
    pub slow_closes: Counter,
    /// Subscriptions that stood aside for a while.
    pub parked: Counter,
    /// Subscribers that were told of a gap.
    pub gaps: ByLabel<Gap>,
    /// Publications dropped because a client did not read them fast enough.
    pub messages_dropped: Counter,
    /// Connections refused on arrival.
    pub refused: ByLabel<Refused>,
    /// Requests that did not become connections.
    pub upgrade_errors: ByLabel<UpgradeFailure>,
}

/// What is counted once per node. Any thread may add.
#[derive(Debug, Default)]
pub struct NodeCounters {
    /// Publications accepted, from clients and from the server API.
    pub publications: SharedCounter,
    /// Requests of the server API.
    pub api_requests: ApiRequests,
    /// Signals handed to the backend, one however many nodes it is for.
    pub signals_sent: SharedCounter,
    /// Signals of other nodes.
    pub signals_received: SharedCounter,
    /// Streams that were read because something may have been missed.
    pub line_readings: SharedCounter,
    /// Channels whose followers had to look for themselves what they had missed.
    pub line_doubts: SharedCounter,
    /// Those who came back and were served without asking the broker.
    pub recalls: SharedCounter,
    /// Publications of routed channels that entered an inbox.
    pub routed: SharedCounter,
    /// Publications of routed channels that name no user.
    pub route_misfits: SharedCounter,
    /// Publications of routed channels that were gone before they were routed, and times at which it
    /// is not known how many.
    pub route_gone: SharedCounter,
    /// Messages that were dropped from inboxes before they were read.
    pub inbox_dropped: SharedCounter,
    /// Messages of inboxes that this node has sent once more, as nobody had acknowledged them.
    pub inbox_redelivered: SharedCounter,
    /// Schedules that this node has published.
    pub schedules_fired: SharedCounter,
    /// Those it has dropped because they were too late.
    pub schedules_late: SharedCounter,
    /// Those it has removed because nobody can read them, or their namespace is gone.
    pub schedules_bad: SharedCounter,
    /// Events for webhooks that this node has put into the outbox.
    pub webhook_events: SharedCounter,
    /// Those it could not put there.
    pub webhook_events_lost: SharedCounter,
    /// Batches of events that a receiver has accepted from this node.
    pub webhook_deliveries: SharedCounter,
    /// Attempts of this node that failed.
    pub webhook_failures: SharedCounter,
    /// Batches that this node has given up.
    pub webhook_dead_letters: SharedCounter,
    /// Events that wait in this node's memory for the outbox.
    pub webhook_waiting: SharedGauge,
    /// Questions to all nodes that somebody had not answered when time was up.
    pub surveys_timed_out: SharedCounter,
}

/// What is not counted but known to the node when somebody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeGauges {
    /// Channels with a subscriber on this node.
    pub channels: u64,
    /// Users with a connection on this node.
    pub users: u64,
    /// Other nodes that live, as far as this one knows.
    pub peers: u64,
    /// Exits that are held back in case the user comes back.
    pub exits_held: u64,
    /// Milliseconds by which this node's clock is off the backend's.
    pub clock_off_ms: u64,
}

/// All counters of a node.
#[derive(Debug)]
pub struct Metrics {
    /// What is counted once per node.
    pub node: NodeCounters,
    shards: Box<[ShardCounters]>,
    started: Instant,
}

impl Metrics {
    /// Counters for a node with `shards` shards that starts now.
    #[must_use]
    pub fn new(shards: usize) -> Arc<Self> {
        Arc::new(Self {
            node: NodeCounters::default(),
            shards: (0..shards).map(|_| ShardCounters::default()).collect(),
            started: Instant::now(),
        })
    }

    /// What shard `index` adds to.
    ///
    /// # Panics
    /// If there is no such shard.
    #[must_use]
    pub fn shard(&self, index: usize) -> &ShardCounters {
        &self.shards[index]
    }

    /// Connections held by all shards, handshakes included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.sum(|shard| &shard.connections)
    }

    /// Subscriptions held by all shards.
    #[must_use]
    pub fn subscriptions(&self) -> u64 {
        self.sum(|shard| &shard.subscriptions)
    }

    fn sum(&self, gauge: impl Fn(&ShardCounters) -> &Gauge) -> u64 {
        let sum: i64 = self.shards.iter().map(|shard| gauge(shard).get()).sum();
        u64::try_from(sum).unwrap_or(0)
    }

    /// Everything, in the Prometheus text format (version 0.0.4), which [`CONTENT_TYPE`] names.
    #[must_use]
    pub fn render(&self, gauges: &NodeGauges) -> String {
        let uptime = self.started.elapsed();
        let reading = Reading { shards: &self.shards, node: &self.node, gauges: *gauges, uptime };
        let mut out = String::with_capacity(8 * 1024);
        for metric in CATALOGUE {
            metric.write(&reading, &mut out);
        }
        out
    }
}
