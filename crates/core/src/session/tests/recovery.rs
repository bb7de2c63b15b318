//! Coming back at a position (Centrifuge protocol: every missed publication, or none).

use super::*;

/// Comes back to `log:a` as `words` say; returns what is asked, and what follows the answer.
fn come_back(words: &str, answer: &str) -> (String, Vec<String>) {
    let mut scene = Scene::of_ann();
    let asked = scene.feed(&format!("2 subscribe log:a {words}")).swap_remove(1);
    (asked, scene.feed(&format!("answer {answer}")))
}

#[track_caller]
fn check(words: &str, answer: &str, reply: &str, release: &str) {
    let (_, effects) = come_back(words, answer);
    let release = format!("release log:a after {release}");
    assert_eq!(effects, [reply, &release, "enter log:a ann"]);
}

#[test]
fn one_publication_more_than_may_be_delivered_is_read() {
    let (asked, _) = come_back("from=e@2", "e@2");
    assert_eq!(asked, "ask history log:a since e@2 limit 301");
}

#[test]
fn what_was_missed_comes_with_the_reply_which_repeats_the_position_asked_for() {
    check(
        "from=e@2",
        "e@4 3 4",
        "2 subscribed recoverable at e@2 was_recovering recovered #3 #4",
        "e@4",
    );
}

#[test]
fn whoever_missed_nothing_is_recovered() {
    check("from=e@4", "e@4", "2 subscribed recoverable at e@4 was_recovering recovered", "e@4");
}

#[test]
fn an_empty_epoch_stands_for_any() {
    check("from=@3", "e@4 4", "2 subscribed recoverable at e@3 was_recovering recovered #4", "e@4");
    check("from=@0", "e@0", "2 subscribed recoverable at e@0 was_recovering recovered", "e@0");
}

#[test]
fn whoever_cannot_be_told_everything_starts_at_the_top() {
    for (words, answer, gap, why) in [
        ("from=x@4", "e@4", "epoch_changed", "another stream"),
        ("from=x@2", "e@4 3 4", "epoch_changed", "another stream"),
        ("from=e@1", "e@4 3 4", "trimmed", "2 is gone"),
        ("from=e@1", "e@4", "trimmed", "all is gone"),
        ("from=e@1", "e@4 2 3", "limit", "4 was cut off"),
        ("from=e@9", "e@4", "forked", "ahead of the stream"),
        ("from=e@18446744073709551615", "e@4 1", "forked", "ahead of every stream"),
    ] {
        let (_, effects) = come_back(words, answer);
        let told = format!("2 subscribed recoverable at e@4 was_recovering gap={gap}");
        assert_eq!(effects[0], told, "{why}");
        assert_eq!(effects[1], "release log:a after e@4", "{why}");
    }
}

#[test]
fn no_more_is_delivered_than_the_namespace_allows() {
    let scene =
        || Scene::new().after(&["1 connect token=user/ann", "2 subscribe brief:a from=e@2"]);
    assert_eq!(
        scene().feed("answer e@4 3 4")[0],
        "2 subscribed recoverable at e@2 was_recovering recovered #3 #4"
    );
    assert_eq!(
        scene().feed("answer e@5 3 4 5")[0],
        "2 subscribed recoverable at e@5 was_recovering gap=limit"
    );
}

#[test]
fn a_cache_gives_the_latest_publication() {
    let scene = || {
        let mut scene = Scene::new().after(&["1 connect token=user/ann"]);
        let asked = scene.feed("2 subscribe latest:a from=@0");
        assert_eq!(asked[1], "ask history latest:a limit 1 reverse");
        scene
    };
    assert_eq!(
        scene().feed("answer e@7 7"),
        [
            "2 subscribed recoverable at e@6 was_recovering recovered #7",
            "release latest:a after e@7",
            "enter latest:a ann",
        ]
    );
    assert_eq!(
        scene().feed("answer e@7")[0],
        "2 subscribed recoverable at e@7 was_recovering gap=trimmed"
    );
}

#[test]
fn a_channel_may_have_positions_without_recovery() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann"]);
    let asked = scene.feed("2 subscribe ordered:a from=e@2");
    assert_eq!(asked[1], "ask history ordered:a limit 0", "nobody comes back here");
    let effects = scene.feed("answer e@7");
    assert_eq!(effects[0], "2 subscribed at e@7");
    assert_eq!(effects[1], "release ordered:a after e@7");
}

#[test]
fn whoever_wants_all_or_an_error_gets_the_error() {
    let (_, effects) = come_back("from=x@4 reject", "e@4");
    assert_eq!(effects, ["unlisten log:a", "2 error: unrecoverable position"]);
    check(
        "from=e@3 reject",
        "e@4 4",
        "2 subscribed recoverable at e@3 was_recovering recovered #4",
        "e@4",
    );
    check("reject", "e@4", "2 subscribed recoverable at e@4", "e@4");
}

#[test]
fn a_refused_recovery_leaves_nothing_behind() {
    let mut scene = Scene::of_ann().after(&["2 subscribe log:a from=x@4 reject", "answer e@4"]);
    assert_eq!(scene.session.subscription_count(), 0);
    scene.check("3 subscribe log:a", &["hold log:a", "ask history log:a limit 0"]);
}
