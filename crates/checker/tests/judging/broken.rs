//! Histories that are broken in one way each: data in, the very violation out.

use trunkline_checker::event::{GapReason, Rules};
use trunkline_checker::judge::{Kind, LISTED};

use crate::run::{Run, e, f, id};

#[test]
fn lost_in_the_middle() {
    let run = Run::stored(5).subscribed("s", 0).got("s", [1, 2, 5]);
    run.fails(&[(Kind::Missing, "s", (3, 4))]);
    assert_eq!(run.verdict().violations[0].ids, ["m3", "m4"]);
}

#[test]
fn lost_at_the_end() {
    let run = Run::stored(5).subscribed("s", 0).got("s", 1..=3);
    run.fails(&[(Kind::NeverDelivered, "s", (4, 5))]);
    assert_eq!(run.verdict().violations[0].ids, ["m4", "m5"]);
}

#[test]
fn delivered_to_one_and_never_to_another() {
    let run = Run::stored(3).subscribed("a", 0).subscribed("b", 0);
    run.got("a", 1..=3).got("b", 1..=2).fails(&[(Kind::NeverDelivered, "b", (3, 3))]);
}

#[test]
fn delivered_twice() {
    let run = Run::stored(3).subscribed("s", 0);
    run.got("s", [1, 2, 2, 3]).fails(&[(Kind::Duplicate, "s", (2, 2))]);
}

#[test]
fn delivered_again_after_coming_back() {
    let run = Run::stored(3).subscribed("s", 0).got("s", 1..=2).gone("s");
    run.recovered("s", e(2), e(2)).got("s", [2, 3]).fails(&[(Kind::Backwards, "s", (2, 2))]);
}

#[test]
fn swapped_order() {
    let run = Run::stored(4).subscribed("s", 0).got("s", [1, 3, 2, 4]);
    run.fails(&[(Kind::Missing, "s", (2, 2)), (Kind::Backwards, "s", (2, 2))]);
}

#[test]
fn swapped_messages_at_the_right_offsets() {
    let run =
        Run::stored(2).subscribed("s", 0).got_other("s", e(1), "m2").got_other("s", e(2), "m1");
    run.fails(&[(Kind::Conflict, "s", (1, 1)), (Kind::Conflict, "s", (2, 2))]);
}

#[test]
fn two_ids_at_one_offset() {
    let run = Run::stored(2).subscribed("a", 0).subscribed("b", 0).got("a", 1..=2);
    let run = run.unknown("other").got("b", [1]).got_other("b", e(2), "other");
    run.fails(&[(Kind::Conflict, "b", (2, 2))]);
    assert_eq!(run.verdict().violations[0].ids, ["m2", "other"]);
}

#[test]
fn two_tags_at_one_offset() {
    let tagged = |tag: &str| trunkline_checker::event::Place { tag: Some(tag.into()), ..e(1) };
    let run = Run::stored(1).subscribed("a", 0).subscribed("b", 0);
    let run = run.got_other("a", tagged("0a"), "m1").got_other("b", tagged("0b"), "m1");
    run.fails(&[(Kind::Conflict, "b", (1, 1))]);
}

#[test]
fn one_message_at_two_offsets() {
    let run = Run::default().acknowledged("m1", 1).holds(e(2), &[(1, "m1"), (2, "m1")]);
    run.fails(&[(Kind::Twice, "", (1, 2))]);
}

#[test]
fn an_offset_goes_back_when_a_subscription_begins_anew() {
    let run = Run::stored(5).subscribed("s", 0).got("s", 1..=5).gone("s").subscribed("s", 3);
    run.got("s", 4..=5).fails(&[(Kind::Backwards, "s", (3, 5))]);
}

#[test]
fn acknowledged_and_absent_from_the_stream() {
    let run = Run::stored(2).acknowledged("m3", 3).held(1..=2);
    // Both the promise and what was told of offset 3 are broken.
    run.fails(&[(Kind::Vanished, "", (3, 3)), (Kind::Vanished, "", (3, 3))]);
    let run = Run::stored(2).acknowledged_somewhere("m3").held(1..=2);
    run.fails(&[(Kind::Vanished, "", (0, 0))]);
}

#[test]
fn acknowledged_and_gone_with_its_epoch() {
    let run = Run::stored(2).holds(f(0), &[]);
    // Offset 0 of a new epoch: the stream has trimmed nothing, it never had them.
    run.fails(&[(Kind::Vanished, "", (1, 1)), (Kind::Vanished, "", (2, 2))]);
}

#[test]
fn delivered_and_absent_from_the_stream() {
    let run = Run::default().acknowledged("m1", 1).unknown("m2").subscribed("s", 0);
    let run = run.got("s", 1..=2).held(1..=1);
    run.fails(&[(Kind::Vanished, "", (2, 2)), (Kind::Vanished, "s", (2, 2))]);
}

#[test]
fn invented() {
    let run = Run::stored(1).holds(e(2), &[(1, "m1"), (2, "ghost")]).subscribed("s", 0);
    run.got("s", [1]).got_other("s", e(2), "ghost").fails(&[(Kind::Invented, "", (2, 2))]);
}

#[test]
fn a_gap_on_the_wrong_side() {
    // It covers 3 and 4, and what is missing is 6 and 7.
    let run = Run::stored(8).held(5..=8).subscribed("s", 0).got("s", 1..=2);
    let run = run.gap("s", GapReason::Overflow, e(4)).got("s", [5, 8]);
    run.fails(&[(Kind::Missing, "s", (6, 7))]);
}

#[test]
fn a_gap_that_leads_back() {
    let run = Run::stored(5).subscribed("s", 0).got("s", 1..=5);
    let run = run.gap("s", GapReason::Overflow, e(3)).got("s", 4..=5);
    run.fails(&[(Kind::Backwards, "s", (3, 5)), (Kind::FalseGap, "s", (6, 6))]);
}

#[test]
fn recovered_with_a_hole() {
    let run = Run::stored(6).subscribed("s", 0).got("s", 1..=2).gone("s");
    run.recovered("s", e(2), e(2)).got("s", [4, 5, 6]).fails(&[(Kind::Missing, "s", (3, 3))]);
}

#[test]
fn recovered_without_its_end() {
    let run = Run::stored(6).subscribed("s", 0).got("s", 1..=2).gone("s");
    let run = run.recovered("s", e(2), e(2)).got("s", 3..=4);
    run.fails(&[(Kind::NeverDelivered, "s", (5, 6))]);
}

#[test]
fn recovered_from_elsewhere() {
    let run = Run::stored(4).subscribed("s", 0).got("s", 1..=2).gone("s");
    let run = run.recovered("s", e(2), e(3)).got("s", 4..=4);
    run.fails(&[(Kind::WrongStart, "s", (2, 3)), (Kind::Missing, "s", (3, 3))]);
}

#[test]
fn not_recovered_and_no_reason() {
    let run = Run::stored(4).held(4..=4).subscribed("s", 0).got("s", 1..=2).gone("s");
    let run = run.subscription("s", Some(e(2)), false, None, e(4));
    run.fails(&[(Kind::SilentGap, "s", (3, 4))]);
}

#[test]
fn the_client_moved_its_own_place() {
    let run = Run::stored(4).subscribed("s", 0).got("s", 1..=2).gone("s");
    let run = run.recovered("s", e(3), e(3)).got("s", [4]);
    run.fails(&[(Kind::Missing, "s", (3, 3))]);
}

#[test]
fn gaps_that_do_not_exist() {
    let run = || Run::stored(4).subscribed("s", 0).got("s", 1..=2).gone("s");
    let limited = Rules { recovery_limit: Some(10), ..Rules::default() };
    for (reason, rules) in [
        (GapReason::Trimmed, Rules::default()),
        (GapReason::EpochChanged, Rules::default()),
        (GapReason::Forked, Rules::default()),
        (GapReason::Limit, limited.clone()),
        (GapReason::Unrecovered, limited),
    ] {
        let run = run().rules(rules).lost("s", e(2), reason, e(4));
        run.fails(&[(Kind::FalseGap, "s", (3, 4))]);
    }
}

#[test]
fn trimmed_though_the_stream_keeps_as_much() {
    let run = Run::default().rules(Rules { keeps: Some(3), ..Rules::default() });
    let run = (1..=9).fold(run, |run, n| run.acknowledged(&id(n), n)).held(7..=9);
    let run = run.subscribed("s", 0).got("s", 1..=2).gone("s");
    run.clone().lost("s", e(2), GapReason::Trimmed, e(9)).passes();
    let run = run.lost("s", e(2), GapReason::Trimmed, e(4)).got("s", 5..=9);
    run.fails(&[(Kind::FalseGap, "s", (3, 4))]);
}

#[test]
fn the_stream_keeps_less_than_it_should() {
    let run = Run::default().rules(Rules { keeps: Some(3), ..Rules::default() });
    let run = (1..=4).fold(run, |run, n| run.acknowledged(&id(n), n)).held(3..=4);
    run.fails(&[(Kind::TrimmedEarly, "", (2, 2))]);
}

#[test]
fn the_stream_has_a_hole() {
    let run = Run::default().acknowledged("m1", 1).acknowledged("m3", 3);
    let hole = run.clone().holds(e(3), &[(1, "m1"), (3, "m3")]);
    hole.fails(&[(Kind::StreamHole, "", (2, 2))]);
    let end = run.unknown("m4").holds(e(4), &[(1, "m1"), (2, "m4"), (3, "m3")]);
    end.fails(&[(Kind::StreamHole, "", (4, 4))]);
}

#[test]
fn an_epoch_that_changes_without_a_word() {
    let run = Run::stored(2).subscribed("s", 0).got("s", 1..=2).unknown("n");
    let run = run.got_other("s", f(3), "n").holds(f(3), &[(1, "m1"), (2, "m2"), (3, "n")]);
    run.fails(&[(Kind::SilentEpoch, "s", (3, 3))]);
}

#[test]
fn recovered_into_another_history() {
    let run = Run::stored(2).subscribed("s", 0).got("s", 1..=2).gone("s").unknown("n");
    let rules = Rules { rollback: true, ..Rules::default() };
    let run = run.rules(rules).holds(f(2), &[(1, "m1"), (2, "n")]);
    run.clone().lost("s", e(2), GapReason::Forked, f(2)).passes();
    run.recovered("s", e(2), f(2)).fails(&[(Kind::Conflict, "", (2, 2))]);
}

#[test]
fn left_behind_in_an_old_epoch() {
    let run = Run::stored(2).subscribed("s", 0).got("s", 1..=2);
    let run = run.holds(f(2), &[(1, "m1"), (2, "m2")]);
    run.fails(&[(Kind::Stranded, "s", (2, 2))]);
}

#[test]
fn delivered_without_a_subscription() {
    let run = Run::stored(3).subscribed("s", 0).got("s", [1]).unsubscribed("s");
    run.got("s", [2]).fails(&[(Kind::Uninvited, "s", (2, 2))]);
}

#[test]
fn a_later_call_acknowledged_at_an_earlier_place() {
    let run = Run::default().acknowledged("m2", 2).acknowledged("m1", 1).held(1..=2);
    run.fails(&[(Kind::AcknowledgedBackwards, "p", (1, 2))]);
}

#[test]
fn nobody_looked_at_the_end() {
    Run::stored(1).acknowledged("m2", 2).fails(&[(Kind::Unread, "", (0, 0))]);
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let run = Run::stored(301).subscribed("s", 0);
    let run = run.got("s", (1..=301).step_by(2));
    let verdict = run.verdict();
    assert_eq!((verdict.total, verdict.violations.len()), (150, LISTED));
    assert!(verdict.to_string().contains("and 50 more"), "{verdict}");
}

#[test]
fn a_violation_says_where() {
    let verdict = Run::stored(5).subscribed("s", 0).got("s", [1, 2, 5]).verdict();
    let line = "missing in the middle: channel c, s, offsets 3 to 4 of epoch e: m3, m4";
    assert_eq!(verdict.violations[0].to_string(), line);
}
