//! `chaos`: nodes that share a real Redis, and everything that can go wrong between and behind them.
//!
//! - `scenario`: what can be done, and how much of everything that takes;
//! - `site`: what a round stands on: Redis, nodes, a proxy;
//! - `round`: the course of a round, and its figures;
//! - `harm` and `failover`: what is done.

mod failover;
mod harm;
mod round;
mod scenario;
mod site;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use self::round::Round;
pub(crate) use self::scenario::Scenario;
use crate::args::ChaosArgs;
use crate::chance::{Chance, fresh_seed};
use crate::failure::{Doing, Failure};
use crate::output::say;

/// Runs the scenarios; says whether every round was clean.
pub(crate) fn run(args: &ChaosArgs) -> Result<bool, Failure> {
    let folder = tempfile::Builder::new().prefix("trunkline-chaos-").tempdir();
    let folder = folder.doing("creating a folder")?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    say(format_args!("seed {seed}, in {}", folder.path().display()));
    let chosen = match args.scenario.as_slice() {
        [] => Scenario::value_variants(),
        chosen => chosen,
    };
    let outcome = chosen.iter().try_fold(true, |clean, &scenario| {
        Ok::<_, Failure>(clean && rounds(args, scenario, seed, folder.path())?)
    });
    if args.keep || !matches!(outcome, Ok(true)) {
        say(format_args!("logs are in {}", folder.keep().display()));
    }
    outcome
}

/// Runs the rounds of a scenario, until one is not clean.
fn rounds(args: &ChaosArgs, scenario: Scenario, seed: u64, folder: &Path) -> Result<bool, Failure> {
    let plan = scenario.plan(args.short);
    let count = args.rounds.unwrap_or(plan.rounds);
    for number in 0..count {
        // The first round of a seed is the round of that seed: one that failed can be run alone.
        let seed = if number == 0 { seed } else { Chance::new(seed).seed_of(number.into()) };
        let usual = plan.harm[number as usize % plan.harm.len()];
        let lasts = args.harm.map_or(usual, Duration::from_secs_f64);
        let folder = folder.join(format!("{}-{}", scenario.name(), number + 1));
        fs::create_dir_all(&folder).doing("creating a folder")?;
        let (server, patience) = (args.server.as_path(), args.patience);
        let folder = folder.as_path();
        let begun = Instant::now();
        let round = Round { server, scenario, plan, lasts, seed, patience, folder };
        let name = format!("{} {}/{count}, seed {seed}", scenario.name(), number + 1);
        let report =
            round.run().map_err(|failure| Failure::new(format_args!("{name}: {failure}")))?;
        let took = begun.elapsed().as_secs_f64();
        say(format_args!("{name}: {report} ({took:.1} s in all)"));
        if !report.is_clean() {
            say(report.accusation());
            return Ok(false);
        }
        if !args.keep {
            // Logs of clean rounds are of no use, and twenty of them are large.
            fs::remove_dir_all(folder).doing("removing the files of a round")?;
        }
    }
    Ok(true)
}
