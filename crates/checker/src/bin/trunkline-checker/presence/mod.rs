//! `presence`: thousands of users at three nodes that share a Redis come and go, a node dies and
//! another one sleeps; and all nodes must say who is where, soon and at little cost.
//!
//! - `site`: Redis and the nodes; `token`, `wire`, `link`: how one talks to them;
//! - `member`, `listener`, `crowd`: who does;
//! - `truth`, `answers`, `tally`, `rates`: what is compared;
//! - `course`: what happens.

mod answers;
mod course;
mod crowd;
mod link;
mod listener;
mod member;
mod rates;
mod site;
mod tally;
mod token;
mod truth;
mod wire;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::course::Course;
use self::site::Site;
use crate::chance::{Chance, fresh_seed};
use crate::failure::{Doing, Failure};
use crate::output::say;

/// What the command is told.
#[derive(Debug, clap::Args)]
pub(crate) struct PresenceArgs {
    /// The program `trunkline`
    #[arg(long)]
    server: PathBuf,
    /// Users, each with up to three connections: 3000, or 300 with --short
    #[arg(long, value_parser = clap::value_parser!(u32).range(4..=5_000))]
    users: Option<u32>,
    /// Fewer users, and one kill: no node sleeps, and what is written to Redis is not counted
    #[arg(long)]
    short: bool,
    /// Comings and goings a second, to begin with
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// Decides every random choice; another one each time unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Keep the output of the nodes in any case
    #[arg(long)]
    keep: bool,
}

/// How much of everything the run has.
#[derive(Clone, Copy, Debug)]
struct Plan {
    users: usize,
    channels: usize,
    /// Steps a second.
    rate: u32,
    /// How long each measurement lasts.
    span: Duration,
    /// How long a node sleeps: longer than a lease (20 s), and than others take to notice (5 s).
    stopped: Duration,
    /// Whether everything is done.
    long: bool,
}

impl Plan {
    fn of(args: &PresenceArgs) -> Self {
        let (users, channels, span) = if args.short { (300, 20, 2) } else { (3_000, 100, 20) };
        Self {
            users: args.users.map_or(users, |users| users as usize),
            channels,
            rate: args.rate,
            span: Duration::from_secs(span),
            stopped: Duration::from_secs(30),
            long: !args.short,
        }
    }
}

/// Runs it; says whether everything was right.
pub(crate) fn run(args: &PresenceArgs) -> Result<bool, Failure> {
    let folder = tempfile::Builder::new().prefix("trunkline-presence-").tempdir();
    let folder = folder.doing("creating a folder")?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let (plan, begun) = (Plan::of(args), Instant::now());
    let Plan { users, channels, .. } = plan;
    let at = folder.path().display();
    say(format_args!("seed {seed}, {users} users, {channels} channels, in {at}"));
    let outcome = Site::start(&args.server, folder.path()).and_then(|mut site| {
        let chance = Chance::new(seed);
        let outcome = Course::new(plan, &mut site, &chance).and_then(|mut course| course.run());
        // Whoever ended by himself is the better explanation of a failure.
        site.is_well()?;
        outcome
    });
    let clean = matches!(outcome, Ok(true));
    if clean {
        say(format_args!("clean, seed {seed}, in {:.1} s", begun.elapsed().as_secs_f64()));
    } else {
        say(format_args!("NOT CLEAN, seed {seed}"));
    }
    if args.keep || !clean {
        say(format_args!("what the nodes said is in {}", folder.keep().display()));
    }
    outcome
}
