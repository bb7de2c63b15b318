//! Runs in which the broker went on from an earlier state, and what must be told then.

use trunkline_checker::event::{Event, GapReason, Place};
use trunkline_checker::judge::Kind;

use crate::run::{Run, e, f};

/// `m1` to `m3` were acknowledged and seen by `s`; then `m2` and `m3` were rolled back, and `n` was
/// published in their place. That is told to `s` as the test says.
fn rolled_back(told: impl FnOnce(Run) -> Run) -> Run {
    let run = Run::stored(3).subscribed("s", 0).got("s", 1..=3).with(Event::RolledBack);
    told(run.unknown("n")).holds(f(2), &[(1, "m1"), (2, "n")])
}

fn tagged(place: Place, tag: &str) -> Place {
    Place { tag: Some(tag.to_owned()), ..place }
}

#[test]
fn what_was_rolled_back_is_forgiven_if_those_who_saw_it_were_told() {
    let told = [GapReason::Forked, GapReason::EpochChanged];
    for reason in told {
        rolled_back(|run| run.gap("s", reason, f(1)).got_other("s", f(2), "n")).passes();
        rolled_back(|run| run.gone("s").lost("s", e(3), reason, f(2))).passes();
    }
    rolled_back(|run| run.unsubscribed("s").lost("s", e(3), GapReason::Unrecovered, f(2))).passes();
    let verdict = rolled_back(|run| run.gap("s", GapReason::Forked, f(2))).verdict();
    assert_eq!((verdict.rolled_back, verdict.gaps[&GapReason::Forked]), (2, 1));
}

#[test]
fn it_is_not_forgiven_unless_the_driver_says_that_it_was_rolled_back() {
    let run = Run::stored(3).subscribed("s", 0).got("s", 1..=3).gap("s", GapReason::Forked, f(1));
    let run = run.holds(f(1), &[(1, "m1")]);
    run.fails(&[(Kind::Vanished, "", (2, 2)), (Kind::Vanished, "", (3, 3))]);
}

#[test]
fn who_saw_it_and_is_recovered_was_not_told() {
    let run = rolled_back(|run| run.gone("s").recovered("s", e(3), f(3)));
    let verdict = run.verdict();
    assert_eq!(verdict.kinds.get(&Kind::Untold), Some(&1), "{verdict}");
}

#[test]
fn who_saw_it_and_hears_on_was_not_told() {
    let run = Run::stored(3).subscribed("s", 0).got("s", 1..=3).with(Event::RolledBack);
    // The stream has grown beyond what was seen of the old one.
    let run = run.unknown("n2").unknown("n3").unknown("n4").got_other("s", e(4), "n4");
    let run = run.holds(e(4), &[(1, "m1"), (2, "n2"), (3, "n3"), (4, "n4")]);
    run.fails(&[(Kind::Untold, "s", (2, 3))]);
}

#[test]
fn a_gap_that_does_not_call_the_history_another_does_not_tell() {
    let run = Run::stored(3).subscribed("s", 0).got("s", 1..=3).with(Event::RolledBack);
    let run = run.unknown("n2").unknown("n3").unknown("n4").unknown("n5");
    let run = run.gap("s", GapReason::Overflow, e(4)).got_other("s", e(5), "n5");
    let run = run.holds(e(5), &[(1, "m1"), (2, "n2"), (3, "n3"), (4, "n4"), (5, "n5")]);
    run.fails(&[(Kind::Untold, "s", (2, 3))]);
}

#[test]
fn what_is_acknowledged_afterwards_must_stay() {
    let run =
        rolled_back(|run| run.gap("s", GapReason::Forked, f(2)).acknowledged_somewhere("late"));
    run.fails(&[(Kind::Vanished, "", (0, 0))]);
}

#[test]
fn who_left_before_it_was_published_needs_not_be_told() {
    let run = Run::stored(1).subscribed("s", 0).got("s", [1]).gone("s");
    let run = run.acknowledged("m2", 2).with(Event::RolledBack).unknown("n");
    let run = run.recovered("s", e(1), f(1)).got_other("s", f(2), "n");
    run.holds(f(2), &[(1, "m1"), (2, "n")]).passes();
}

#[test]
fn who_comes_anew_may_begin_behind_what_was_seen_before() {
    let run = |event: Option<Event>| {
        let run = Run::stored(3).subscribed("s", 0).got("s", 1..=3).gone("s");
        let run = event.into_iter().fold(run, Run::with);
        run.subscribed("s", 1).holds(e(1), &[(1, "m1")])
    };
    run(Some(Event::RolledBack)).passes();
    assert!(run(None).verdict().kinds.contains_key(&Kind::Backwards));
}

#[test]
fn equal_tags_prove_that_an_old_name_means_the_same_history() {
    let run = Run::stored(1).subscribed("s", 0).got("s", [1]).unknown("n");
    let run = run.got_other("s", tagged(e(2), "0a"), "n");
    let kept = [(1, "m1"), (2, "n")];
    run.clone().holds(tagged(f(2), "0a"), &kept).passes();
    run.holds(tagged(f(2), "0b"), &kept).fails(&[(Kind::Stranded, "s", (2, 2))]);
}

#[test]
fn two_messages_at_one_place_are_two_also_then_if_both_are_claimed_to_stay() {
    // Two see different things at a place, and neither is what the stream holds there.
    let run = Run::stored(2).subscribed("s", 0).subscribed("t", 0).with(Event::RolledBack);
    let run = run.got("s", 1..=2).got("t", [1]).unknown("x").got_other("t", e(2), "x").unknown("y");
    let verdict = run.holds(e(2), &[(1, "m1"), (2, "y")]).verdict();
    assert!(verdict.kinds.contains_key(&Kind::Conflict), "{verdict}");
    assert_eq!(verdict.kinds.get(&Kind::Untold), Some(&2), "{verdict}");
}
