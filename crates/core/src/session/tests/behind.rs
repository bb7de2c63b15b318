//! Subscriptions that were not given all of their stream.

use super::*;
use crate::limits::CATCH_UP_RETRY_MS;

/// A subscriber of `log:a` who knows it up to `e@4`, in a protocol that can tell of gaps or cannot.
fn subscriber(gaps: bool) -> Scene {
    let abilities = Abilities { binary: true, pong: true, gaps, ..Abilities::default() };
    Scene::with(Limits::default(), abilities).after(&[
        "1 connect token=user/ann",
        "2 subscribe log:a",
        "answer e@4",
    ])
}

const CATCHES_UP: &[&str] = &["hold log:a", "ask history log:a since e@4 limit 300"];

#[test]
fn nobody_notices_a_hole_that_the_stream_fills() {
    let mut scene = subscriber(false);
    scene.check("missed log:a e@4", CATCHES_UP);
    scene.check("answer e@6 5 6", &["push log:a #5", "push log:a #6", "release log:a after e@6"]);
    scene.check("missed log:a e@6", &["hold log:a", "ask history log:a since e@6 limit 300"]);
    scene.check("answer e@6", &["release log:a after e@6"]);
}

#[test]
fn a_gap_is_told_to_those_who_understand_and_ends_the_subscription_of_others() {
    for (answer, reason) in
        [("e@9 7 8 9", "trimmed"), ("f@2 1 2", "epoch_changed"), ("e@3", "forked")]
    {
        let top = answer.split(' ').next().unwrap();
        let mut scene = subscriber(true).after(&["missed log:a e@4"]);
        let told = format!("push log:a gap={reason} at {top}");
        scene.check(&format!("answer {answer}"), &[&told, &format!("release log:a after {top}")]);

        let mut scene = subscriber(false).after(&["missed log:a e@4"]);
        scene.check(
            &format!("answer {answer}"),
            &[
                &format!("lost gap={reason}"),
                "unlisten log:a",
                "exit log:a ann",
                "push unsubscribed log:a: InsufficientState",
            ],
        );
        scene.check("drained", &[]);
    }
}

#[test]
fn whoever_knows_a_stream_by_its_name_only_is_sent_back_to_learn_the_new_one() {
    let renamed = "answer e-1@5 5 was=e@4";
    let mut scene = subscriber(true).after(&["missed log:a e@4"]);
    scene.check(renamed, &["push log:a #5", "release log:a after e-1@5"]);
    let mut scene = subscriber(false).after(&["missed log:a e@4"]);
    scene.check(
        renamed,
        &["unlisten log:a", "exit log:a ann", "push unsubscribed log:a: InsufficientState"],
    );
}

#[test]
fn a_client_that_does_not_read_is_given_its_streams_page_by_page_when_it_does() {
    let mut scene = subscriber(false).after(&["3 subscribe open:a"]);
    scene.check("crowded log:a=e@7", &["park log:a", "drain"]);
    scene.check("crowded", &[]);
    scene.check("drained", &["hold log:a", "ask history log:a since e@7 limit 300"]);
    scene.check("answer e@12 8 9", &["push log:a #8", "push log:a #9", "park log:a", "drain"]);
    scene.check("drained", &["hold log:a", "ask history log:a since e@9 limit 300"]);
    scene.check(
        "answer e@12 10 11 12",
        &["push log:a #10", "push log:a #11", "push log:a #12", "release log:a after e@12"],
    );
    scene.check("drained", &[]);
    scene.check("crowded log:a=e@13", &["park log:a", "drain"]);
}

#[test]
fn what_is_read_for_a_client_that_stopped_reading_meanwhile_is_read_again() {
    let mut scene = subscriber(false).after(&["crowded log:a=e@4", "drained"]);
    scene.check("crowded", &["park log:a", "drain"]);
    scene.check("answer e@5 5", &[]);
    scene.check("drained", CATCHES_UP);
    scene.check("answer e@5 5", &["push log:a #5", "release log:a after e@5"]);
}

#[test]
fn a_client_that_never_reads_is_closed_as_slow() {
    let limits = Limits { lag_ms: 3_000, ..Limits::default() };
    for more in [&[][..], &["drained"], &["drained", "answer e@20 5 6"], &["missed log:a e@9"]] {
        let mut scene = subscriber(true).after(&["crowded log:a=e@4"]).after(more);
        scene.limits = limits.clone();
        // Planned anew with the limit of this scene.
        scene.feed("crowded");
        scene.check("wait 2999", &[]);
        let end = ["unlisten log:a", "exit log:a ann", "close Slow"];
        scene.check("wait 1", &end);
    }
}

#[test]
fn whoever_is_live_again_may_lag_again() {
    let mut scene = subscriber(false).after(&["crowded log:a=e@4", "wait 10000", "drained"]);
    scene.feed("answer e@4");
    for line in ["wait 9000", "0 pong", "crowded log:a=e@4"] {
        scene.feed(line);
    }
    scene.check("wait 12000", &[]);
    assert_eq!(scene.feed("wait 29999").first().map(String::as_str), Some("unlisten log:a"));
}

#[test]
fn one_channel_after_the_other_catches_up() {
    let mut scene = subscriber(false).after(&["3 subscribe log:b", "answer e@1"]);
    scene.check("missed log:a e@4", CATCHES_UP);
    scene.check("missed log:b e@1", &["park log:b"]);
    scene.check("answer e@4", &["release log:a after e@4", "drain"]);
    scene.check("drained", &["hold log:b", "ask history log:b since e@1 limit 300"]);
    scene.check("answer e@1", &["release log:b after e@1"]);
    scene.check("crowded", &["park log:a", "park log:b", "drain"]);
    scene.check("drained", &["hold log:a", "ask history log:a since e@9 limit 300"]);
    scene.check("4 unsubscribe log:a", &["unlisten log:a", "exit log:a ann", "4 unsubscribed"]);
}

#[test]
fn a_stream_that_cannot_be_read_is_read_later() {
    let mut scene = subscriber(false).after(&["missed log:a e@4"]);
    scene.check("answer overloaded", &["park log:a"]);
    scene.check(&format!("wait {CATCH_UP_RETRY_MS}"), &["drain"]);
    scene.check("drained", CATCHES_UP);
    scene.check("answer e@4", &["release log:a after e@4"]);
}

#[test]
fn a_stream_that_cannot_be_read_in_time_leaves_a_gap() {
    for answered in [true, false] {
        let scene = |gaps| {
            let scene = subscriber(gaps).after(&["missed log:a e@4"]);
            let scene = if answered { scene.after(&["answer overloaded"]) } else { scene };
            scene.after(&["wait 18000", "0 pong"])
        };
        let late = if answered { "drained" } else { "answer e@4" };
        let mut talker = scene(true);
        talker.check("wait 12000", &["hold log:a", "skip log:a gap=overflow"]);
        talker.check(late, &[]);
        talker.check("missed log:a e@9", &["hold log:a", "ask history log:a since e@9 limit 300"]);
        let mut other = scene(false);
        let end = [
            "lost gap=overflow",
            "unlisten log:a",
            "exit log:a ann",
            "push unsubscribed log:a: InsufficientState",
        ];
        other.check("wait 12000", &end);
        other.check(late, &[]);
    }
}

#[test]
fn a_stream_that_gives_nothing_new_is_not_read_without_end() {
    // It is released behind e@4, and at once it is missing something there again.
    let mut scene = subscriber(true).after(&["missed log:a e@4", "answer e@4"]);
    scene.check("missed log:a e@4", &["park log:a"]);
    scene.check(&format!("wait {CATCH_UP_RETRY_MS}"), &["drain"]);
    scene.check("drained", CATCHES_UP);
    scene.feed("answer e@5 5");
    scene.check("missed log:a e@5", &["hold log:a", "ask history log:a since e@5 limit 300"]);
    scene.feed("wait 18000");
    scene.feed("0 pong");
    // All that is one lag, which has its end.
    scene.check("wait 11500", &["hold log:a", "skip log:a gap=overflow"]);
}

#[test]
fn of_a_cache_the_latest_is_enough() {
    let mut scene = Scene::of_ann().after(&["2 subscribe cache:a", "answer e@4"]);
    scene.check("missed cache:a e@4", &["hold cache:a", "ask history cache:a limit 1 reverse"]);
    scene.check("answer e@9 9", &["push cache:a #9", "release cache:a after e@9"]);
    scene.feed("missed cache:a e@9");
    scene.check("answer e@9 9", &["release cache:a after e@9"]);
}

#[test]
fn whoever_leaves_while_behind_leaves_nothing() {
    for lines in [&["missed log:a e@4"][..], &["crowded"], &["crowded", "drained"]] {
        let mut scene = subscriber(false).after(lines);
        scene.check("3 unsubscribe log:a", &["unlisten log:a", "exit log:a ann", "3 unsubscribed"]);
        let mut scene = subscriber(false).after(lines);
        scene.check("gone", &["unlisten log:a", "exit log:a ann"]);
    }
}

#[test]
fn one_that_is_ended_while_it_catches_up_does_not_keep_the_next_from_it() {
    let mut scene = subscriber(false).after(&["3 subscribe log:b", "answer e@4"]);
    scene.feed("crowded log:a=e@4 log:b=e@4");
    scene.check("drained", CATCHES_UP);
    scene.check("4 unsubscribe log:a", &["unlisten log:a", "exit log:a ann", "4 unsubscribed"]);
    scene.check("answer e@6 5 6", &["drain"]);
    scene.check("drained", &["hold log:b", "ask history log:b since e@4 limit 300"]);
}
