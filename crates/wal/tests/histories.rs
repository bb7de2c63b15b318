//! Whatever the disk does, what was acknowledged is there and nothing else is.
//!
//! `WAL_HISTORIES` sets how many histories are played (200), `WAL_SEED` the seed of the first one.

mod history;

use history::Happened;
use trunkline_wal::testing::{FakeDisk, Lie, Lying};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let (first, histories) = (number("WAL_SEED", 1), number("WAL_HISTORIES", 200));
    println!("{histories} histories from WAL_SEED={first}");
    let mut total = Happened::default();
    for seed in first..first + histories {
        match history::play(seed, |disk| disk, false) {
            Ok(happened) => total += happened,
            Err(broken) => panic!("WAL_SEED={seed} WAL_HISTORIES=1: {broken}"),
        }
    }
    println!("{total:#?}");
    if histories >= 200 {
        let each = [
            total.acknowledged,
            total.refused_full,
            total.overloaded,
            total.failures,
            total.crashes_in_recovery,
            total.torn,
            total.checkpoints,
            total.refused_damage,
            total.repaired_loss,
            total.cut_tail,
        ];
        assert!(each.iter().all(|times| *times > 0), "something never happened");
    }
}

#[test]
fn a_history_is_the_same_for_the_same_seed() {
    let once = history::play(7, |disk| disk, false).unwrap();
    let again = history::play(7, |disk| disk, false).unwrap();
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
}

/// Plays histories until one breaks in the way that these words say.
#[expect(clippy::print_stdout, reason = "says what was noticed, and at which seed")]
fn caught(play: impl Fn(u64) -> Result<Happened, String>, words: &str) {
    let broken = |seed| Some((seed, play(seed).err().filter(|broken| broken.contains(words))?));
    let (seed, broken) = (1..400).find_map(broken).expect("400 histories did not notice");
    println!("caught at seed {seed}: {broken}");
}

fn caught_lying(lie: Lie, words: &str) {
    caught(|seed| history::play(seed, |disk: FakeDisk| Lying::new(disk, lie), false), words);
}

#[test]
fn acknowledging_before_the_flush_is_caught() {
    caught_lying(Lie::FlushNothing, "are lost");
}

#[test]
fn not_flushing_names_is_caught() {
    caught_lying(Lie::FlushNoNames, "are lost");
}

#[test]
fn naming_a_segment_before_its_header_is_on_disk_is_caught() {
    caught_lying(Lie::FlushNot("making-"), "refused without damage");
}

#[test]
fn freeing_segments_before_the_checkpoint_is_on_disk_is_caught() {
    caught_lying(Lie::FlushNot("checkpoint"), "missing");
}

#[test]
fn relying_on_memory_after_a_failed_flush_is_caught() {
    caught_lying(Lie::WriteOnlyChanges, "are lost");
}

#[test]
fn taking_a_full_disk_for_success_is_caught() {
    caught_lying(Lie::HideFull, "are lost");
}

#[test]
fn going_on_after_a_failed_flush_is_caught() {
    caught_lying(Lie::HideFlushErrors, "are lost");
}

#[test]
fn ignoring_checksums_is_caught() {
    caught(|seed| history::play(seed, |disk| disk, true), "never appended");
}
