//! `schedules`: many publications are scheduled within a minute, and what shall publish them is killed
//! in the middle; each must come once, never early, and soon.
//!
//! - `planned`: what is scheduled, and how;
//! - `site`: the nodes, and what is done to them;
//! - `account`: what came of it.

mod account;
mod planned;
mod site;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use self::account::{Account, Window};
use self::planned::{Plan, Planned, now};
use self::site::Site;
use crate::chance::{Chance, fresh_seed};
use crate::failure::{Doing, Failure};
use crate::output::say;

/// How long everything may take to be published behind the last time it is due.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(500);

/// What keeps the schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keeper {
    /// One Redis, for three nodes: Redis is killed and comes back, two nodes are killed for good, and
    /// Redis is killed again.
    Redis,
    /// The disk of one node, which is killed four times and comes back.
    Embedded,
}

/// What the command is told.
#[derive(Debug, clap::Args)]
pub(crate) struct SchedulesArgs {
    /// The program `trunkline`
    #[arg(long)]
    server: PathBuf,
    /// What keeps the schedules; one after the other unless given
    #[arg(long, value_enum)]
    keeper: Option<Keeper>,
    /// How many: 100000, or 3000 with --short
    #[arg(long, value_parser = clap::value_parser!(u32).range(100..=500_000))]
    count: Option<u32>,
    /// Fewer, and due within 20 seconds in place of 60
    #[arg(long)]
    short: bool,
    /// Decides every random choice; another one each time unless given
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs it; says whether everything was right.
pub(crate) fn run(args: &SchedulesArgs) -> Result<bool, Failure> {
    let folder = tempfile::Builder::new().prefix("trunkline-schedules-").tempdir();
    let folder = folder.doing("creating a folder")?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let plan =
        Plan::new(args.count.unwrap_or(if args.short { 3_000 } else { 100_000 }), args.short);
    say(format_args!("seed {seed}, {} schedules, in {}", plan.count, folder.path().display()));
    let keepers = args.keeper.map_or_else(|| Keeper::value_variants().to_vec(), |one| vec![one]);
    let mut outcome = Ok(true);
    for keeper in keepers {
        let folder = folder.path().join(format!("{keeper:?}").to_lowercase());
        let one = at(args, keeper, plan, &Chance::new(seed), &folder);
        outcome = one.and_then(|clean| outcome.map(|before| before && clean));
        if outcome.is_err() {
            break;
        }
    }
    if !matches!(outcome, Ok(true)) {
        say(format_args!("what the nodes said is in {}", folder.keep().display()));
    }
    outcome
}

fn at(
    args: &SchedulesArgs,
    keeper: Keeper,
    plan: Plan,
    chance: &Chance,
    folder: &Path,
) -> Result<bool, Failure> {
    let mut site = Site::start(&args.server, keeper, folder)?;
    let begun = Instant::now();
    let planned = Planned::schedule(plan, &site.apis(), chance)?;
    say(format_args!(
        "{keeper:?}: scheduled in {:.1} s, {} of them cancelled",
        begun.elapsed().as_secs_f64(),
        planned.cancelled()
    ));
    let windows = harm(&mut site, &planned)?;
    let account = await_all(&site, &planned, &windows)?;
    site.is_well()?;
    say(format_args!("{keeper:?}: {account}"));
    Ok(account.is_clean())
}

/// Does harm at a fifth, at a quarter, at a third and at half of the time in which they are due.
fn harm(site: &mut Site, planned: &Planned) -> Result<Vec<Window>, Failure> {
    let mut windows = Vec::new();
    for (step, part) in [5, 4, 3, 2].into_iter().enumerate() {
        sleep_until(planned.begin() + planned.span() / part);
        let from = now();
        let what = site.harm(step)?;
        let window = Window { from, back: now() };
        say(format_args!(
            "{:.1} s: {what}, {} ms",
            (from - planned.begin()) as f64 / 1_000.0,
            window.back - from
        ));
        windows.push(window);
    }
    Ok(windows)
}

fn sleep_until(time: u64) {
    thread::sleep(Duration::from_millis(time.saturating_sub(now())));
}

/// Waits until everything is published, or patience is over.
fn await_all(site: &Site, planned: &Planned, windows: &[Window]) -> Result<Account, Failure> {
    sleep_until(planned.begin() + planned.span());
    let deadline = Instant::now() + PATIENCE;
    let api = site.survivor();
    while planned.published(&api)? < planned.expected() && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
    Account::of(planned, &api, windows)
}
