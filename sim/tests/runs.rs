//! Runs are as they should be, and the same seed gives the same run.

use std::process::Command;

/// Events of each run before everything is mended.
const STEPS: u64 = 4_000;

/// Runs `sim` with these arguments and gives the last-but-two line that names the hash.
fn hash_of_another_process(seed: u64) -> String {
    let program = env!("CARGO_BIN_EXE_sim");
    let (seed, steps) = (seed.to_string(), STEPS.to_string());
    let output = Command::new(program).args(["--seed", &seed, "--steps", &steps]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find(|line| line.starts_with("seed ")).unwrap().to_owned()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1..=8 {
        let first = trunkline_sim::run(seed, STEPS, false).hash;
        let second = trunkline_sim::run(seed, STEPS, false).hash;
        assert_eq!(first, second, "seed {seed}, in one process");
        let line = format!("seed {seed}: {} lines, hash {:016x}", first.1, first.0);
        assert_eq!(hash_of_another_process(seed), line, "in another process");
    }
    assert_ne!(
        trunkline_sim::run(1, STEPS, false).hash,
        trunkline_sim::run(2, STEPS, false).hash,
        "a seed decides something"
    );
}

#[test]
fn nothing_is_lost_in_silence_whatever_goes_wrong() {
    for seed in 1..=60 {
        let outcome = trunkline_sim::run(seed, STEPS, false);
        let judgement = &outcome.judgement;
        assert!(
            outcome.is_clean(),
            "seed {seed}: {:#?}\n{:#?}\n{}",
            outcome.broken,
            judgement.broken,
            judgement.verdict
        );
    }
}

#[test]
fn runs_have_something_in_them() {
    let (mut delivered, mut recovered, mut gaps) = (0, 0, 0);
    for seed in 1..=20 {
        let figures = trunkline_sim::run(seed, STEPS, false).judgement.verdict.figures;
        delivered += figures.delivered;
        recovered += figures.recovered;
        gaps += figures.gaps;
    }
    assert!(delivered > 5_000 && recovered > 500 && gaps > 200, "{delivered} {recovered} {gaps}");
}
