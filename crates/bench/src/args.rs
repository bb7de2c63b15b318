//! What can be asked of `trunkline bench`. The defaults, named in each `impl`, are the forms that
//! docs/performance.md quotes and the targets are for.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::backend::{OpenBackend, OverRedis};

/// Measures a server against the floor: what the kernel alone costs for the same work.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: trunkline bench fanout --subscribers 5000 --window 1\n         trunkline bench all --check"
)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
    #[arg(skip)]
    pub(crate) open: Option<OpenBackend>,
    #[arg(skip)]
    pub(crate) over_redis: Option<OverRedis>,
}

impl BenchArgs {
    /// Says how the durable backend is opened that `durable` measures; without it, that scenario is
    /// refused.
    #[must_use]
    pub fn with_backend(self, open: OpenBackend) -> Self {
        Self { open: Some(open), ..self }
    }

    /// Says how the backend over Redis is started that `cluster` measures; without it, that scenario
    /// is refused.
    #[must_use]
    pub fn with_redis(self, over_redis: OverRedis) -> Self {
        Self { over_redis: Some(over_redis), ..self }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Scenario {
    /// CPU per delivery, one channel with many subscribers
    Fanout(FanoutArgs),
    /// CPU per delivery, many small rooms in which every member speaks
    Rooms(RoomsArgs),
    /// Bytes of process memory per idle subscribed connection
    Idle(IdleArgs),
    /// CPU per connection: connect, upgrade, subscribe, gone
    Storm(StormArgs),
    /// Delivery latency at a fixed rate
    Latency(LatencyArgs),
    /// What one subscriber that never reads does to the latency of the others
    Slow(SlowArgs),
    /// Memory after connections are all killed at once and come back
    Churn(ChurnArgs),
    /// Durable publications per second, beside what the disk alone takes
    Durable(DurableArgs),
    /// Everybody comes back at once and has missed something
    Recover(RecoverArgs),
    /// Several nodes with one Redis: publications and deliveries per second, and back after a crash
    Cluster(ClusterArgs),
    /// Everything that docs/performance.md quotes, in one go
    All(Settings),
    /// The floor measured against itself: what the instrument's own noise is
    SelfCheck(Settings),
    /// The floor itself: an event loop that writes scripted bytes and does nothing else
    Floor(FloorArgs),
    /// Pins itself to a core and becomes another program
    #[command(hide = true)]
    Launch(LaunchArgs),
}

/// What all scenarios share.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Runs of the server, each followed by one of the floor; medians are printed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: u32,
    /// Length of one run: CPU seconds of the measured process (wall seconds for latency, slow,
    /// durable and cluster)
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Bytes of JSON in a publication's data [default: 128; 256 for durable and cluster; 8192 for slow]
    #[arg(long, value_parser = clap::value_parser!(u32).range(16..=32_768))]
    pub(crate) payload: Option<u32>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// Fail when a figure is beyond its target
    #[arg(long)]
    pub(crate) check: bool,
    /// Command that starts the server under test instead of this program's own `serve`; `{config}`
    /// in it stands for the configuration file, and it prints `ready listen=ADDRESS …` on stdout
    #[arg(long, value_name = "CMD")]
    pub(crate) server: Option<String>,
    /// A server that runs already, started and pinned by you: ws://ADDRESS:PORT[/path]
    #[arg(long, conflicts_with = "server", requires = "pid")]
    pub(crate) url: Option<String>,
    /// The process behind --url, whose CPU and memory are read
    #[arg(long, requires = "url")]
    pub(crate) pid: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct FanoutArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Subscribers of the one channel
    #[arg(long, default_value_t = Self::SUBSCRIBERS, value_parser = clap::value_parser!(u32).range(1..=16_000))]
    pub(crate) subscribers: u32,
    /// Publications in flight: published and not yet received by all. Without this and --publishers
    /// the two quoted forms run: 1 in flight, and 64 publishers with 64 in flight
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) window: Option<u32>,
    /// Connections that take turns publishing
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) publishers: Option<u32>,
    /// Let the channel keep history in memory, and compare with the same channel without, instead
    /// of with the floor
    #[arg(long, conflicts_with = "url")]
    pub(crate) history: bool,
}

impl FanoutArgs {
    pub(crate) const SUBSCRIBERS: u32 = 5_000;
}

#[derive(Debug, Args)]
pub(crate) struct RoomsArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Rooms, each with one publication in flight
    #[arg(long, default_value_t = Self::ROOMS, value_parser = clap::value_parser!(u32).range(1..=9_999))]
    pub(crate) rooms: u32,
    /// Members of each room, who publish in turn
    #[arg(long, default_value_t = Self::MEMBERS, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) members: u32,
}

impl RoomsArgs {
    pub(crate) const ROOMS: u32 = 1_000;
    pub(crate) const MEMBERS: u32 = 10;
}

#[derive(Debug, Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Connections at the first reading
    #[arg(long, default_value_t = Self::FROM, value_parser = clap::value_parser!(u32).range(10..=16_000))]
    pub(crate) from: u32,
    /// Connections at the second reading
    #[arg(long, default_value_t = Self::TO, value_parser = clap::value_parser!(u32).range(20..=19_000))]
    pub(crate) to: u32,
}

impl IdleArgs {
    pub(crate) const FROM: u32 = 5_000;
    pub(crate) const TO: u32 = 15_000;
}

#[derive(Debug, Args)]
pub(crate) struct StormArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Connections being made at any time
    #[arg(long, default_value_t = Self::IN_FLIGHT, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) in_flight: u32,
}

impl StormArgs {
    pub(crate) const IN_FLIGHT: u32 = 128;
}

#[derive(Debug, Args)]
pub(crate) struct LatencyArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Subscribers of the one channel
    #[arg(long, default_value_t = Self::SUBSCRIBERS, value_parser = clap::value_parser!(u32).range(1..=16_000))]
    pub(crate) subscribers: u32,
    /// Publications per second
    #[arg(long, default_value_t = Self::RATE, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
}

impl LatencyArgs {
    pub(crate) const SUBSCRIBERS: u32 = 5_000;
    pub(crate) const RATE: u32 = 10;
}

#[derive(Debug, Args)]
pub(crate) struct SlowArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Subscribers of the one channel, the one that never reads included
    #[arg(long, default_value_t = Self::SUBSCRIBERS, value_parser = clap::value_parser!(u32).range(2..=16_000))]
    pub(crate) subscribers: u32,
    /// Publications per second
    #[arg(long, default_value_t = Self::RATE, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
}

impl SlowArgs {
    pub(crate) const SUBSCRIBERS: u32 = 5_000;
    pub(crate) const RATE: u32 = 10;
}

#[derive(Debug, Args)]
pub(crate) struct ChurnArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Connections that are killed and come back
    #[arg(long, default_value_t = Self::CONNECTIONS, value_parser = clap::value_parser!(u32).range(10..=19_000))]
    pub(crate) connections: u32,
    /// How often they come back
    #[arg(long, default_value_t = Self::TIMES, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) times: u32,
}

impl ChurnArgs {
    pub(crate) const CONNECTIONS: u32 = 15_000;
    pub(crate) const TIMES: u32 = 3;
}

#[derive(Debug, Args)]
pub(crate) struct DurableArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Publications in flight, at the backend itself. Without this the quoted forms run: 1, 16, 128
    /// and 1,024 in flight, and then through sockets
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) publishers: Option<u32>,
    /// Channels, published in by turns
    #[arg(long, default_value_t = Self::CHANNELS, value_parser = clap::value_parser!(u32).range(1..=9_999))]
    pub(crate) channels: u32,
    /// Publications that each channel keeps
    #[arg(long, default_value_t = Self::KEEP, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) keep: u32,
    /// Directory on the disk to be measured [default: the current one]; what is written there is
    /// removed
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

impl DurableArgs {
    pub(crate) const PUBLISHERS: [u32; 4] = [1, 16, 128, 1_024];
    pub(crate) const CHANNELS: u32 = 1_000;
    pub(crate) const KEEP: u32 = 100;
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Clients that come back
    #[arg(long, default_value_t = Self::CLIENTS, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    pub(crate) clients: u32,
    /// Channels they are spread over
    #[arg(long, default_value_t = Self::CHANNELS, value_parser = clap::value_parser!(u32).range(1..=9_999))]
    pub(crate) channels: u32,
    /// Publications each of them has missed
    #[arg(long, default_value_t = Self::MISSED, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub(crate) missed: u32,
    /// Directory for the embedded backend [default: the current one]; what is written there is
    /// removed
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

impl RecoverArgs {
    pub(crate) const CLIENTS: u32 = 10_000;
    pub(crate) const CHANNELS: u32 = 100;
    pub(crate) const MISSED: u32 = 50;
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: trunkline bench cluster\n         trunkline bench cluster port --publishers 128 --runs 3"
)]
pub(crate) struct ClusterArgs {
    /// This part alone [default: all]
    #[arg(value_enum)]
    pub(crate) part: Option<ClusterPart>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// A Redis that runs already and serves nothing else: redis://HOST:PORT. It is filled with some
    /// 100 MB, and `resubscribe` is left out [default: a redis-server of the bench's own]
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Publications in flight at the backend itself [default: 1, 16, 128 and 1024 in turn]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8_192))]
    pub(crate) publishers: Option<u32>,
    /// Nodes that share the subscribers
    #[arg(long, default_value_t = Self::NODES, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) nodes: u32,
    /// Subscribers of each of these nodes
    #[arg(long, default_value_t = Self::SUBSCRIBERS, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub(crate) subscribers: u32,
    /// Channels that are subscribed to again when Redis is back
    #[arg(long, default_value_t = Self::LINES, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) lines: u32,
}

impl ClusterArgs {
    pub(crate) const PUBLISHERS: [u32; 4] = [1, 16, 128, 1_024];
    pub(crate) const NODES: u32 = 3;
    pub(crate) const SUBSCRIBERS: u32 = 1_000;
    pub(crate) const LINES: u32 = 100_000;
}

/// What `cluster` consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClusterPart {
    /// Publications per second, called at the backend itself
    Port,
    /// Publications per second through sockets of one node
    Sockets,
    /// Deliveries per second of several nodes
    Nodes,
    /// Every channel again after Redis was killed and restarted
    Resubscribe,
}

#[derive(Debug, Args)]
pub(crate) struct FloorArgs {
    /// Where to listen; port 0 means any, and the ready line on stdout names it
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The bytes to write, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) script: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct LaunchArgs {
    /// The core to run on
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The process to die with
    #[arg(long)]
    pub(crate) parent: u32,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}
