//! Connections whose URL says all they want.

use super::*;

fn opened() -> Scene {
    Scene::new().after(&["url connect token=user/1"])
}

#[test]
fn answers_to_the_url_are_pushes() {
    let mut scene = Scene::new();
    scene.check("url connect token=user/1", &["connected 1", "push connect ping=25 pong"]);
    scene.check(
        "url subscribe open:a",
        &["push subscribed open:a", "listen open:a", "enter open:a 1"],
    );
}

#[test]
fn what_was_missed_is_pushed_after_the_subscription() {
    let mut scene = opened();
    scene.check(
        "url subscribe log:a from=e@2",
        &["hold log:a", "ask history log:a since e@2 limit 301"],
    );
    scene.check(
        "answer e@4 3 4",
        &[
            "push subscribed log:a recoverable at e@2 was_recovering recovered",
            "push log:a #3",
            "push log:a #4",
            "release log:a after e@4",
            "enter log:a 1",
        ],
    );
}

#[test]
fn whoever_asks_in_the_url_before_the_connect_reply_waits() {
    let mut scene = Scene::new().after(&["url connect token=user/1/channels=log:s"]);
    scene.check("url subscribe open:a", &[]);
    scene.check(
        "answer e@4",
        &[
            "push connect ping=25 pong [log:s recoverable at e@4]",
            "release log:s after e@4",
            "enter log:s 1",
            "push subscribed open:a",
            "listen open:a",
            "enter open:a 1",
        ],
    );
}

#[test]
fn a_channel_that_is_refused_is_told_of_and_the_others_stay() {
    let mut scene = opened();
    scene.check(
        "url subscribe closed:a",
        &["push unsubscribed closed:a: Refused(PermissionDenied)"],
    );
    scene.check("url subscribe other:a", &["push unsubscribed other:a: Refused(UnknownChannel)"]);
    scene.feed("url subscribe log:a");
    scene.check(
        "answer overloaded",
        &["unlisten log:a", "push unsubscribed log:a: Refused(TooManyRequests)"],
    );
    assert_eq!(scene.feed("url subscribe open:a")[0], "push subscribed open:a");
}

#[test]
fn a_connection_that_is_of_no_use_without_its_channel_closes() {
    for channel in ["closed:a", "other:a", "$open:a"] {
        opened().check(&format!("url subscribe {channel} required"), &["close PermissionDenied"]);
    }
    let mut scene = opened().after(&["url subscribe log:a required"]);
    scene.check("answer overloaded", &["unlisten log:a", "close InsufficientState"]);
}

#[test]
fn a_url_that_does_not_let_in_closes() {
    Scene::new().check("url connect token=expired", &["close InvalidToken"]);
    Scene::new().check("url connect token=nonsense", &["close InvalidToken"]);
    Scene::new().check("url connect", &["close Unauthorized"]);
    Scene::new().check("url subscribe open:a", &["close BadRequest"]);
}

#[test]
fn commands_that_follow_are_answered_as_everywhere() {
    let mut scene = opened();
    scene.check("2 subscribe open:a", &["2 subscribed", "listen open:a", "enter open:a 1"]);
    scene
        .check("3 connect token=user/1", &["unlisten open:a", "exit open:a 1", "close BadRequest"]);
}

#[test]
fn what_is_said_goes_to_the_channel_that_was_asked_for() {
    let mut scene = opened().after(&["url subscribe open:a required"]);
    scene.check("0 say 1", &["ask publish open:a 1 by 1"]);
    scene.check("answer", &[]);
    scene.feed("control subscribe loud:server");
    scene.check("0 say 1", &["ask publish open:a 1 by 1"]);
    scene.check("7 say 1", &["ask publish open:a 1 by 1"]);
    scene.check("last", &["7 published"]);
}

#[test]
fn what_is_said_may_go_out_before_the_place_in_the_stream_is_known() {
    let mut scene = opened().after(&["url subscribe users:a required"]);
    scene.check("0 say 1", &["ask publish users:a 1 by 1 kept"]);
}

#[test]
fn what_cannot_be_said_is_not_lost_silently() {
    opened().check("0 say 1", &["close BadRequest"]);
    opened().check("5 say 1", &["5 error: bad request"]);
    let left = ["unlisten open:b", "exit open:b 1"];
    let two = ["url subscribe open:a", "url subscribe open:b"];
    let effects = opened().after(&two).feed("0 say 1");
    assert_eq!(effects[2..], [left[0], left[1], "close BadRequest"]);

    let subscribe = "url subscribe closed:a token=sub/closed:a/1";
    let effects = opened().after(&[subscribe]).feed("0 say 1");
    assert_eq!(effects[2..], ["close PermissionDenied"]);

    let mut scene = opened().after(&["url subscribe open:a", "0 say 1"]);
    assert_eq!(scene.feed("answer overloaded")[2..], ["close TooManyRequests"]);
}
