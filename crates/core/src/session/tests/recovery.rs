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
    for (words, answer, why) in [
        ("from=x@4", "e@4", "another stream"),
        ("from=x@2", "e@4 3 4", "another stream"),
        ("from=e@1", "e@4 3 4", "2 is gone"),
        ("from=e@1", "e@4", "all is gone"),
        ("from=e@1", "e@4 2 3", "4 was cut off"),
        ("from=e@9", "e@4", "ahead of the stream"),
        ("from=e@18446744073709551615", "e@4 1", "ahead of every stream"),
    ] {
        let (_, effects) = come_back(words, answer);
        assert_eq!(effects[0], "2 subscribed recoverable at e@4 was_recovering", "{why}");
        assert_eq!(effects[1], "release log:a after e@4", "{why}");
    }
}

#[test]
fn no_more_is_delivered_than_a_page() {
    let limits = Limits { history_page: 2, ..Limits::default() };
    let scene = || {
        let scene = Scene::with(limits.clone(), Abilities { binary: true, pong: true });
        scene.after(&["1 connect token=user/ann", "2 subscribe log:a from=e@2"])
    };
    assert_eq!(
        scene().feed("answer e@4 3 4")[0],
        "2 subscribed recoverable at e@2 was_recovering recovered #3 #4"
    );
    assert_eq!(
        scene().feed("answer e@5 3 4 5")[0],
        "2 subscribed recoverable at e@5 was_recovering"
    );
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
