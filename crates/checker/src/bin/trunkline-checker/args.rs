//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use trunkline_checker::event::Rules;

use crate::chaos::Scenario;
use crate::presence::PresenceArgs;
use crate::schedules::SchedulesArgs;

/// Most publishers or subscribers one run may have: each is a thread.
const THREADS: i64 = 2000;

/// Judges whether every message arrived: in order, once, or with a typed gap.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge logs: exit code 0 when clean, 1 when not, 2 when they cannot be read
    #[command(after_help = "Example: trunkline-checker judge run.jsonl")]
    Judge(JudgeArgs),
    /// Publish, subscribe, leave and come back at a running server, then judge
    #[command(after_help = "Example: trunkline serve --dev --api-key try-me\n         \
        trunkline-checker drive --url ws://127.0.0.1:8000 --api-key try-me")]
    Drive(DriveArgs),
    /// Do so while killing a server with SIGKILL and starting it again, and judge each round
    #[command(
        after_help = "Example: trunkline-checker crash --server target/release/trunkline --rounds 50"
    )]
    Crash(CrashArgs),
    /// Do so at several nodes that share a Redis, while harm is done to them, to it, and in between
    #[command(
        after_help = "Example: trunkline-checker chaos --server target/release/trunkline --short"
    )]
    Chaos(ChaosArgs),
    /// Let thousands of users come and go at several nodes, and compare what these say of who is where
    #[command(
        after_help = "Example: trunkline-checker presence --server target/release/trunkline --short"
    )]
    Presence(PresenceArgs),
    /// Schedule many publications, kill what shall make them, and judge whether each came once and in time
    #[command(
        after_help = "Example: trunkline-checker schedules --server target/release/trunkline --short"
    )]
    Schedules(SchedulesArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct JudgeArgs {
    /// Files of JSON lines that are one log together; - is stdin
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Forgive the loss of acknowledged messages if everyone who saw them was told
    #[arg(long)]
    pub(crate) rollback: bool,
}

/// Who talks to the server, and how much.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// Half of them by the server API, half over WebSockets
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=THREADS))]
    pub(crate) publishers: u32,
    /// Half of them at /ws, half at /connection/websocket
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=THREADS))]
    pub(crate) subscribers: u32,
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) channels: u32,
    /// Messages a second that all publishers together try to publish
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Decides every random choice; another one each time unless given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Where to write the log
    #[arg(long)]
    pub(crate) log: Option<PathBuf>,
    /// How long subscribers may take to catch up at the end, in seconds
    #[arg(long, default_value_t = 60)]
    pub(crate) patience: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DriveArgs {
    /// Where the server is
    #[arg(long, value_parser = address, value_name = "ws://HOST:PORT")]
    pub(crate) url: SocketAddr,
    /// Key of its server API
    #[arg(long, env = "TRUNKLINE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: String,
    /// What the names of channels begin with; they need history and recovery, and nobody else in them
    #[arg(long, default_value = "check-")]
    pub(crate) prefix: String,
    /// How long to publish, in seconds
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Publications each channel keeps for as long as the run takes; fewer are a violation
    #[arg(long)]
    pub(crate) keeps: Option<u64>,
    /// Publications one recovery hands over; `limit` for no more than that is a violation
    #[arg(long)]
    pub(crate) recovery_limit: Option<u64>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

impl DriveArgs {
    pub(crate) fn rules(&self) -> Rules {
        Rules { keeps: self.keeps, recovery_limit: self.recovery_limit, rollback: false }
    }
}

/// When subscribers receive what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Delivery {
    /// When it is on disk.
    Stored,
    /// At once.
    Early,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CrashArgs {
    /// The program `trunkline`
    #[arg(long)]
    pub(crate) server: PathBuf,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Publications a channel keeps. With few of them, gaps are told for what was trimmed
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) retention: u64,
    /// What the namespace says about delivery
    #[arg(long, value_enum, default_value_t = Delivery::Stored)]
    pub(crate) delivery: Delivery,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChaosArgs {
    /// The program `trunkline`
    #[arg(long)]
    pub(crate) server: PathBuf,
    /// What to do; may be given several times. All of it unless given
    #[arg(long, value_enum)]
    pub(crate) scenario: Vec<Scenario>,
    /// Rounds of each scenario: 20, or 3 of those that take long, unless given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,
    /// One small round of each
    #[arg(long)]
    pub(crate) short: bool,
    /// How long harm lasts, in seconds, where that is a matter of choice
    #[arg(long, value_parser = duration)]
    pub(crate) harm: Option<f64>,
    /// Decides every random choice; another one each time unless given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How long subscribers may take to catch up at the end, in seconds
    #[arg(long, default_value_t = 60)]
    pub(crate) patience: u64,
    /// Keep the logs of clean rounds too
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Reads a number of seconds, up to an hour.
fn duration(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "wants a number of seconds".to_owned())?;
    (0.0..=3600.0).contains(&seconds).then_some(seconds).ok_or_else(|| "wants 0 to 3600".to_owned())
}

/// Reads `ws://HOST:PORT`.
fn address(url: &str) -> Result<SocketAddr, String> {
    let rest = url.strip_prefix("ws://").ok_or("wants ws://HOST:PORT")?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let mut found = host.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "the name has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_server_is_named_by_url() {
        assert_eq!(address("ws://127.0.0.1:8000"), Ok(([127, 0, 0, 1], 8000).into()));
        assert_eq!(address("ws://[::1]:1/"), Ok((std::net::Ipv6Addr::LOCALHOST, 1).into()));
        assert!(address("http://127.0.0.1:8000").is_err());
        assert!(address("ws://127.0.0.1").is_err());
    }

    #[test]
    fn crash_rounds_have_the_load_of_the_promise() {
        let args = Args::try_parse_from(["trunkline-checker", "crash", "--server", "t"]).unwrap();
        let Command::Crash(args) = args.command else { panic!("{args:?}") };
        assert_eq!((args.rounds, args.load.publishers, args.load.subscribers), (50, 8, 200));
        assert_eq!((args.retention, args.delivery), (100_000, Delivery::Stored));
    }
}
