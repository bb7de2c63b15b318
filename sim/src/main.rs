//! `sim`: one run, or many.

use std::process::ExitCode;

use clap::Parser;
use trunkline_sim::world::Outcome;

/// Runs the simulation of a seed, or of several, and says whether all was as it should be.
#[derive(Parser)]
#[command(name = "sim")]
struct Args {
    /// The seed; the first one of several.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Events before everything is mended.
    #[arg(long, default_value_t = 4_000)]
    steps: u64,
    /// Prints what happens, line by line.
    #[arg(long)]
    log: bool,
    /// Goes on behind a run that was not clean.
    #[arg(long)]
    go_on: bool,
}

fn main() -> ExitCode {
    let Args { seed, seeds, steps, log, go_on } = Args::parse();
    let (mut events, mut lasted_ms, mut unclean) = (0, 0, Vec::new());
    let (mut acknowledged, mut delivered, mut gaps, mut astray) = (0, 0, 0, 0);
    for seed in seed..seed.saturating_add(seeds) {
        let outcome = trunkline_sim::run(seed, steps, log);
        events += outcome.events;
        lasted_ms += outcome.lasted_ms;
        let figures = outcome.judgement.verdict.figures;
        acknowledged += figures.acknowledged;
        delivered += figures.delivered;
        gaps += figures.gaps;
        astray += outcome.judgement.astray;
        if seeds == 1 || !outcome.is_clean() {
            report(seed, &outcome);
        }
        if !outcome.is_clean() {
            unclean.push(seed);
            if !go_on {
                break;
            }
        }
    }
    println!(
        "{events} events in {} s of simulated time; acknowledged {acknowledged}, delivered {delivered}, gaps {gaps}, astray {astray}",
        lasted_ms / 1000
    );
    if unclean.is_empty() {
        println!("{seeds} seeds from {seed}: clean");
        return ExitCode::SUCCESS;
    }
    println!("not clean: seeds {unclean:?}; run one again with --seed SEED --steps {steps} --log");
    ExitCode::FAILURE
}

fn report(seed: u64, outcome: &Outcome) {
    let (hash, lines) = outcome.hash;
    println!("seed {seed}: {lines} lines, hash {hash:016x}");
    for what in outcome.broken.iter().chain(&outcome.judgement.broken) {
        println!("  {what}");
    }
    println!("{}", outcome.judgement.verdict);
}
