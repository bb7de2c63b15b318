//! Clients about whom the application is asked.

use crate::application::Calls;

use super::*;

fn asking() -> Scene {
    let calls = Calls {
        connect: true,
        refresh: true,
        subscribe: true,
        publish: true,
        sub_refresh: true,
        rpc: true,
    };
    Scene { policy: Policy { calls, ..Policy::default() }, ..Scene::new() }
}

fn ann() -> Scene {
    asking().after(&["1 connect", "answer let in user/ann"])
}

#[test]
fn nothing_is_done_for_a_client_before_it_is_known() {
    let mut scene = asking();
    scene.check("1 connect", &["ask who it is by nobody"]);
    assert!(!scene.session.is_connected());
    scene.check("2 subscribe open:a", &[]);
    scene.check("3 connect", &["close BadRequest"]);
}

#[test]
fn a_client_is_whom_the_application_says() {
    let mut scene = asking().after(&["1 connect", "2 subscribe open:a"]);
    scene.check(
        "answer let in user/ann/info=x data=d meta=m",
        &[
            "connected ann",
            "1 connect ping=25 pong data=d",
            "2 subscribed",
            "listen open:a",
            "enter open:a ann conn=x",
        ],
    );
    // What it said for itself it is told again.
    scene.check("3 subscribe asking:a", &["ask to subscribe asking:a by ann meta=m"]);
}

#[test]
fn a_token_is_enough() {
    asking().check("1 connect token=user/ann", &["connected ann", "1 connect ping=25 pong"]);
    asking().check("1 connect token=nonsense", &["close InvalidToken"]);
}

#[test]
fn nobody_is_let_in_only_where_anybody_is() {
    asking().after(&["1 connect"]).check("answer let in user/", &["close Unauthorized"]);
    let mut scene = asking();
    scene.policy.anonymous = true;
    let mut scene = scene.after(&["1 connect"]);
    scene.check("answer let in user/", &["connected nobody", "1 connect ping=25 pong"]);
}

#[test]
fn what_the_application_says_against_it_reaches_the_client() {
    for (answer, by_command, by_url) in [
        ("error 403", "1 error: words", "close Unauthorized"),
        ("trouble 500", "1 error: words", "close Unavailable"),
        ("silent", "1 error: temporarily unavailable", "close Unavailable"),
        ("rpc {}", "1 error: temporarily unavailable", "close Unavailable"),
        ("disconnect 4001", "close Custom(4001, \"bye\")", "close Custom(4001, \"bye\")"),
    ] {
        let answer = format!("answer {answer}");
        asking().after(&["1 connect"]).check(&answer, &[by_command]);
        asking().after(&["url connect"]).check(&answer, &[by_url]);
    }
}

#[test]
fn a_path_cannot_claim_another_user() {
    asking()
        .after(&["url connect user=ann"])
        .check("answer let in user/bob", &["close PermissionDenied"]);
    let lines = asking().after(&["url connect user=ann"]).feed("answer let in user/ann");
    assert_eq!(lines[0], "connected ann");
}

#[test]
fn an_application_that_is_silent_for_too_long_is_not_waited_for() {
    let mut scene = asking().after(&["1 connect"]);
    scene.check("wait 9999", &[]);
    // It is not the client that is late, and it is not to stay away.
    scene.check("wait 1", &["close Unavailable"]);
}

#[test]
fn a_subscription_waits_for_the_application() {
    let mut scene = ann();
    scene.check("2 subscribe asking:a", &["ask to subscribe asking:a by ann"]);
    scene.check("3 subscribe asking:a", &["3 error: already subscribed"]);
    scene.check(
        "answer permit info=i data=d",
        &["2 subscribed data=d", "listen asking:a", "enter asking:a ann chan=i"],
    );
    scene.check("4 subscribe asking:b", &["ask to subscribe asking:b by ann"]);
    scene.check("answer error 403", &["4 error: words"]);
    scene.check("5 subscribe asking:b", &["ask to subscribe asking:b by ann"]);
    scene.check("answer silent", &["5 error: temporarily unavailable"]);
}

#[test]
fn who_leaves_before_the_application_has_answered_was_never_there() {
    let mut scene = ann().after(&["2 subscribe asking:a"]);
    scene.check("3 unsubscribe asking:a", &["3 unsubscribed"]);
    scene.check("answer permit", &["2 error: internal error"]);
    let mut scene = ann().after(&["2 subscribe asking:a"]);
    scene.check("gone", &[]);
}

#[test]
fn a_token_for_the_channel_is_enough() {
    let lines = ann().feed("2 subscribe asking:a token=sub/asking:a/ann");
    assert_eq!(lines[0], "2 subscribed");
    ann().check("2 subscribe $asking:a", &["2 error: permission denied"]);
}

#[test]
fn the_application_may_change_what_is_published() {
    let mut scene = ann();
    scene.check("2 publish asking:a 1", &["ask to publish asking:a 1 by ann"]);
    scene.check("answer approve data=2", &["ask publish asking:a 2 by ann"]);
    scene.check("answer ", &["2 published"]);
    scene.check("3 publish asking:a 1", &["ask to publish asking:a 1 by ann"]);
    scene.check("answer error 403", &["3 error: words"]);
}

#[test]
fn the_application_cannot_break_what_a_channel_promises() {
    let mut scene = ann();
    scene.check("2 publish asking:a 1", &["ask to publish asking:a 1 by ann"]);
    scene.check("answer approve data=raw", &["2 error: temporarily unavailable"]);
}

#[test]
fn a_connection_goes_on_as_long_as_the_application_says() {
    let mut scene = asking().after(&["1 connect", "answer let in user/ann/exp=20"]);
    scene.check("wait 19999", &["ping"]);
    scene.check("0 pong", &[]);
    scene.check("wait 1", &["ask whether it may go on by ann"]);
    scene.check("answer renewed exp=40", &[]);
    scene.check("wait 20000", &["ask whether it may go on by ann"]);
    // Nobody is sent away because the application is down.
    scene.check("answer silent", &[]);
    scene.check("wait 9999", &["ping"]);
    scene.check("0 pong", &[]);
    scene.check("wait 1", &["ask whether it may go on by ann"]);
    scene.check("answer expired", &["close Expired"]);
}

#[test]
fn what_the_application_says_no_to_does_not_go_on() {
    let due = |answer: &str| {
        let mut scene = asking().after(&["1 connect", "answer let in user/ann/exp=10"]);
        scene.check("wait 10000", &["ask whether it may go on by ann"]);
        scene.feed(&format!("answer {answer}"))
    };
    assert_eq!(due("error 403"), ["close Expired"]);
    assert!(due("trouble 500").is_empty());
    let due = |answer: &str| {
        let mut scene = ann().after(&["2 subscribe asking:a", "answer permit exp=10"]);
        scene.check("wait 10000", &["ask whether it may keep asking:a by ann"]);
        scene.feed(&format!("answer {answer}"))
    };
    let ended = ["unlisten asking:a", "exit asking:a ann", "push unsubscribed asking:a: Expired"];
    assert_eq!(due("error 403"), ended);
    assert!(due("trouble 500").is_empty());
}

#[test]
fn one_connection_does_not_take_all_the_time_that_the_application_has() {
    let mut scene = ann();
    for id in 2..34 {
        scene.check(&format!("{id} rpc m"), &["ask rpc m"]);
    }
    scene.check("34 rpc m", &["34 error: too many requests"]);
    scene.check("35 publish asking:a 1", &["35 error: too many requests"]);
    scene.check("answer rpc {}", &["2 rpc {}"]);
    scene.check("36 rpc m", &["ask rpc m"]);
}

#[test]
fn what_a_client_may_ask_for_before_it_is_known_is_bounded_in_bytes() {
    let mut scene = asking().after(&["1 connect"]);
    let publish = format!("publish open:a {}", "1".repeat(60_000));
    for id in 2..6 {
        scene.check(&format!("{id} {publish}"), &[]);
    }
    scene.check(&format!("6 {publish}"), &["close TooManyRequests"]);
}

#[test]
fn a_subscription_goes_on_as_long_as_the_application_says() {
    let mut scene = ann().after(&["2 subscribe asking:a", "answer permit exp=10"]);
    scene.check("wait 10000", &["ask whether it may keep asking:a by ann"]);
    scene.check("answer renewed exp=12", &[]);
    scene.check("wait 2000", &["ask whether it may keep asking:a by ann"]);
    scene.check(
        "answer expired",
        &["unlisten asking:a", "exit asking:a ann", "push unsubscribed asking:a: Expired"],
    );
}

#[test]
fn a_socket_becomes_its_users_when_they_have_logged_in() {
    let mut scene = asking();
    scene.policy.anonymous = true;
    let mut scene = scene.after(&["url connect", "answer let in user/", "url subscribe open:a"]);
    // What was known of it before says nothing.
    scene.check("1 login", &["ask anew who it is by nobody"]);
    scene.check(
        "answer let in user/ann/info=x",
        &["bound ann", "exit open:a nobody", "enter open:a ann conn=x", "1 logged in ann"],
    );
    scene.check("1 login", &["1 logged in ann"]);
}

#[test]
fn nobody_keeps_what_was_shown_of_them_before_they_logged_in() {
    let mut scene = asking();
    scene.policy.anonymous = true;
    let lines =
        ["url connect", "answer let in user//info=guest", "url subscribe open:a", "1 login"];
    scene.after(&lines).check(
        "answer let in user/ann",
        &["bound ann", "exit open:a nobody conn=guest", "enter open:a ann", "1 logged in ann"],
    );
}

#[test]
fn who_logs_in_with_more_channels_than_a_connection_may_have_is_closed_and_told_nothing_more() {
    let mut scene = asking();
    scene.policy.anonymous = true;
    scene.limits.channels_per_connection = 1;
    let mut scene = scene.after(&["url connect", "answer let in user/", "url subscribe open:a"]);
    scene.feed("1 login");
    scene.check(
        "answer let in user/ann/channels=open:b",
        &[
            "bound ann",
            "exit open:a nobody",
            "enter open:a ann",
            "unlisten open:a",
            "exit open:a ann",
            "close ChannelLimit",
        ],
    );
}

#[test]
fn who_logs_in_as_nobody_is_sent_away() {
    let mut scene = asking();
    scene.policy.anonymous = true;
    let mut scene = scene.after(&["url connect", "answer let in user/", "1 login"]);
    scene.check("answer let in user/", &["close Unauthorized"]);
    for (answer, outcome) in [
        ("error 403", "close Unauthorized"),
        ("trouble 500", "1 error: words"),
        ("silent", "1 error: temporarily unavailable"),
        ("disconnect 4001", "close Custom(4001, \"bye\")"),
    ] {
        let mut scene = asking();
        scene.policy.anonymous = true;
        let mut scene = scene.after(&["url connect", "answer let in user/", "1 login"]);
        scene.check(&format!("answer {answer}"), &[outcome]);
    }
    Scene::anonymous().after(&["url connect"]).check("1 login", &["close Unauthorized"]);
}
