//! Whatever the disk does, what was acknowledged is there, nothing else is, and whoever saw what is
//! not there any more is told.
//!
//! `EMBEDDED_HISTORIES` sets how many histories are played (60), `EMBEDDED_SEED` the seed of the
//! first one.

mod history;

use history::Happened;
use trunkline_wal::testing::{FakeDisk, Lie, Lying};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let (first, histories) = (number("EMBEDDED_SEED", 1), number("EMBEDDED_HISTORIES", 60));
    println!("{histories} histories from EMBEDDED_SEED={first}");
    let mut total = Happened::default();
    for seed in first..first + histories {
        match history::play(seed, |disk| disk, true) {
            Ok(happened) => total += happened,
            Err(broken) => panic!("EMBEDDED_SEED={seed} EMBEDDED_HISTORIES=1: {broken}"),
        }
    }
    println!("{total:#?}");
    if histories >= 60 {
        let each = [
            total.acknowledged,
            total.early,
            total.lost_early,
            total.refused_full,
            total.duplicates,
            total.removals,
            total.checkpoints,
            total.failures,
            total.crashes_in_recovery,
            total.torn,
            total.renamed,
            total.forgotten,
            total.refused_damage,
            total.repairs,
        ];
        assert!(each.iter().all(|times| *times > 0), "something never happened");
    }
}

/// Plays histories until one breaks in the way that these words say.
#[expect(clippy::print_stdout, reason = "says what was noticed, and at which seed")]
fn caught(lie: Lie, words: &str) {
    let play = |seed| history::play(seed, |disk: FakeDisk| Lying::new(disk, lie), false);
    let broken = |seed| Some((seed, play(seed).err().filter(|broken| broken.contains(words))?));
    let (seed, broken) = (1..200).find_map(broken).expect("200 histories did not notice");
    println!("caught at seed {seed}: {broken}");
}

#[test]
fn acknowledging_before_the_flush_is_caught() {
    caught(Lie::FlushNot("0"), "acknowledged up to");
}

#[test]
fn cutting_the_log_before_the_index_is_durable_is_caught() {
    caught(Lie::FlushNot("index"), "damaged");
}

#[test]
fn going_on_after_a_failed_flush_is_caught() {
    caught(Lie::HideFlushErrors, "");
}
