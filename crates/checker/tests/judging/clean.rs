//! Histories with which nothing is wrong, however adventurous they are.

use trunkline_checker::event::{GapReason, Place, Rules};

use crate::run::{Run, e, f, id};

#[test]
fn everything_arrives() {
    let run = Run::stored(3).subscribed("a", 0).got("a", 1..=3).subscribed("b", 2).got("b", [3]);
    run.passes();
    assert_eq!(run.verdict().figures.delivered, 4);
}

#[test]
fn who_leaves_is_owed_nothing_more() {
    Run::stored(9).subscribed("s", 0).got("s", 1..=3).gone("s").passes();
    Run::stored(9).subscribed("s", 0).got("s", 1..=3).unsubscribed("s").passes();
}

#[test]
fn coming_back_fills_what_was_missed() {
    let run = Run::stored(9).subscribed("s", 0).got("s", 1..=3).gone("s");
    run.recovered("s", e(3), e(3)).got("s", 4..=9).passes();
}

#[test]
fn beginning_anew_gives_up_what_was_missed() {
    Run::stored(9)
        .subscribed("s", 0)
        .got("s", 1..=3)
        .gone("s")
        .subscribed("s", 8)
        .got("s", [9])
        .passes();
}

#[test]
fn a_first_subscription_may_start_at_a_place_read_elsewhere() {
    Run::stored(9).recovered("s", e(6), e(6)).got("s", 7..=9).passes();
}

#[test]
fn typed_gaps_cover_what_is_missing() {
    let away = || Run::stored(9).held(7..=9).subscribed("s", 0).got("s", 1..=3).gone("s");
    for reason in [GapReason::Trimmed, GapReason::Limit, GapReason::Unrecovered] {
        away().lost("s", e(3), reason, e(9)).passes();
    }
    let here = Run::stored(9).held(7..=9).subscribed("s", 0).got("s", 1..=3);
    here.clone().gap("s", GapReason::Overflow, e(5)).got("s", 6..=9).passes();
    here.gap("s", GapReason::Trimmed, e(6)).got("s", 7..=9).passes();
}

#[test]
fn refused_and_unknown_messages_may_appear_or_not() {
    let run = Run::default().acknowledged("m1", 1);
    run.clone().refused("m2").unknown("m3").held(1..=1).passes();
    run.clone().refused("m2").unknown("m3").held(1..=3).passes();
    let run = run.unknown("m2").held(1..=2).subscribed("s", 0);
    run.got("s", 1..=2).passes();
}

#[test]
fn an_acknowledgement_without_a_place_is_found_anywhere() {
    Run::default().acknowledged_somewhere("m2").unknown("m1").held(1..=2).passes();
    Run::stored(9).acknowledged_somewhere("x").held(8..=9).passes();
}

#[test]
fn what_was_trimmed_is_not_asked_for() {
    Run::stored(9).held(6..=9).subscribed("s", 9).passes();
    let all_gone = Run::stored(9).holds(e(9), &[]).subscribed("s", 0).got("s", 1..=9);
    all_gone.passes();
}

#[test]
fn a_new_lineage_goes_on_where_the_old_one_was() {
    let run = Run::stored(3).unknown("m4").subscribed("s", 0).got("s", 1..=3).gone("s");
    let run = run.recovered("s", e(3), f(3)).got_other("s", f(4), "m4");
    run.holds(f(4), &[(1, "m1"), (2, "m2"), (3, "m3"), (4, "m4")]).passes();
}

#[test]
fn a_fork_is_told_when_coming_back_and_live() {
    let run = Run::default().acknowledged("m1", 1).unknown("early").unknown("m2");
    let run = run.subscribed("a", 0).got("a", [1]).got_other("a", e(2), "early").gone("a");
    let run = run.subscribed("b", 0).got("b", [1]).got_other("b", e(2), "early");
    let run = run.holds(f(2), &[(1, "m1"), (2, "m2")]);
    let run = run.lost("a", e(2), GapReason::Forked, f(2));
    run.gap("b", GapReason::Forked, f(1)).got_other("b", f(2), "m2").passes();
}

#[test]
fn a_rollback_is_forgiven_where_the_rules_say_so() {
    let told = || {
        let run = Run::stored(3).subscribed("s", 0).got("s", 1..=3).gone("s");
        run.holds(f(1), &[(1, "m1")]).lost("s", e(3), GapReason::Forked, f(1))
    };
    assert!(!told().verdict().is_clean());
    let rules = Rules { rollback: true, ..Rules::default() };
    let mut run = Run::default().rules(rules);
    run.0.extend(told().0);
    run.passes();
}

#[test]
fn the_order_of_different_lines_means_nothing() {
    // A delivery stands before the acknowledgement, and before anybody is known to have published.
    let run = Run::default().subscribed("s", 0).got("s", 1..=2);
    run.acknowledged(&id(1), 1).acknowledged(&id(2), 2).held(1..=2).passes();
}

#[test]
fn a_stream_may_have_no_name_while_it_is_empty() {
    let nameless = Place::new("", 0);
    Run::default().subscribed("s", 0).holds(nameless.clone(), &[]).passes();
    let run = Run::stored(2).subscription("s", None, false, None, nameless);
    run.clone().got("s", 1..=2).passes();
    assert!(!run.got("s", [2]).verdict().is_clean());
}

#[test]
fn histories_may_be_read_many_times() {
    let run = Run::stored(2).subscribed("s", 0).got("s", 1..=2);
    run.acknowledged("m3", 3).got("s", [3]).held(1..=3).passes();
}
