//! What a subscription leads to, and how its client ends it.

use super::*;

#[test]
fn a_client_knows_that_it_is_subscribed_before_it_hears_anything() {
    let mut scene = Scene::of_ann();
    scene.check("2 subscribe open:a", &["2 subscribed", "listen open:a", "enter open:a ann"]);
    scene.check("3 unsubscribe open:a", &["unlisten open:a", "exit open:a ann", "3 unsubscribed"]);
}

#[test]
fn others_learn_what_the_tokens_say() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/info=x"]);
    scene.check(
        "2 subscribe open:a token=sub/open:a/ann/info=y",
        &["2 subscribed", "listen open:a", "enter open:a ann conn=x chan=y"],
    );
    scene.check("3 publish open:a 1", &["ask publish open:a 1 by ann conn=x chan=y"]);
    scene.check("4 publish open:b 1", &["ask publish open:b 1 by ann conn=x"]);
    scene.check("gone", &["unlisten open:a", "exit open:a ann conn=x chan=y"]);
}

#[test]
fn a_subscription_that_expires_says_when() {
    let line = "2 subscribe open:a token=sub/open:a/ann/exp=60";
    assert_eq!(Scene::of_ann().feed(line)[0], "2 subscribed ttl=60");
    let line = "2 subscribe log:a token=sub/log:a/ann/exp=60";
    let mut scene = Scene::of_ann().after(&[line]);
    scene.pass(30_000);
    assert_eq!(scene.feed("answer e@4")[0], "2 subscribed ttl=30 recoverable at e@4");
}

#[test]
fn a_channel_is_subscribed_to_once() {
    let mut scene = Scene::of_ann().after(&["2 subscribe open:a", "3 subscribe log:a"]);
    scene.check("4 subscribe open:a", &["4 error: already subscribed"]);
    scene.check("4 subscribe log:a", &["4 error: already subscribed"]);
    scene.check("5 unsubscribe open:a", &["unlisten open:a", "exit open:a ann", "5 unsubscribed"]);
    assert_eq!(scene.feed("6 subscribe open:a")[0], "6 subscribed");
}

#[test]
fn to_leave_a_channel_one_is_not_in_is_no_fault() {
    for channel in ["open:a", "other:a", "no name"] {
        Scene::of_ann().check(&format!("2 unsubscribe {channel}"), &["2 unsubscribed"]);
    }
}

#[test]
fn channels_are_limited() {
    let limits = Limits { channels_per_connection: 2, ..Limits::default() };
    let scene = Scene::with(limits, Abilities { binary: true, pong: true, ..Abilities::default() });
    let mut scene =
        scene.after(&["1 connect token=user/ann", "2 subscribe open:a", "3 subscribe log:a"]);
    scene.check("4 subscribe open:b", &["4 error: limit exceeded"]);
    scene.feed("5 unsubscribe log:a");
    assert_eq!(scene.feed("6 subscribe open:b")[0], "6 subscribed");
}

#[test]
fn in_a_channel_with_positions_messages_are_held_until_the_place_is_known() {
    let mut scene = Scene::of_ann();
    scene.check("2 subscribe log:a", &["hold log:a", "ask history log:a limit 0"]);
    scene.check(
        "answer e@4",
        &["2 subscribed recoverable at e@4", "release log:a after e@4", "enter log:a ann"],
    );
    scene.check("3 unsubscribe log:a", &["unlisten log:a", "exit log:a ann", "3 unsubscribed"]);
}

#[test]
fn history_alone_gives_no_positions() {
    let subscribed = ["2 subscribed", "listen kept:a", "enter kept:a ann"];
    Scene::of_ann().check("2 subscribe kept:a from=e@4", &subscribed);
}

#[test]
fn a_stream_that_cannot_be_read_ends_the_subscription() {
    let mut scene = Scene::of_ann().after(&["2 subscribe log:a"]);
    scene.check("answer overloaded", &["unlisten log:a", "2 error: too many requests"]);
    scene.check("3 subscribe log:a", &["hold log:a", "ask history log:a limit 0"]);
}

#[test]
fn whoever_leaves_while_waiting_was_never_there() {
    let mut scene = Scene::of_ann().after(&["2 subscribe log:a"]);
    scene.check("3 unsubscribe log:a", &["unlisten log:a", "3 unsubscribed"]);
    scene.check("answer e@4", &["2 error: internal error"]);
    assert_eq!(scene.session.subscription_count(), 0);
}

#[test]
fn an_answer_is_for_the_subscription_that_asked() {
    let mut scene = Scene::of_ann().after(&["2 subscribe log:a", "3 unsubscribe log:a"]);
    scene.check("4 subscribe log:a", &["hold log:a", "ask history log:a limit 0"]);
    scene.check("answer e@4", &["2 error: internal error"]);
    scene.check(
        "answer e@5",
        &["4 subscribed recoverable at e@5", "release log:a after e@5", "enter log:a ann"],
    );
}

#[test]
fn answers_may_come_in_another_order() {
    let mut scene = Scene::of_ann().after(&["2 subscribe log:a", "3 subscribe log:b"]);
    assert_eq!(scene.feed("last e@1")[0], "3 subscribed recoverable at e@1");
    assert_eq!(scene.feed("last f@2")[0], "2 subscribed recoverable at f@2");
}

#[test]
fn whoever_comes_and_goes_without_waiting_asks_too_much() {
    let mut scene = Scene::of_ann();
    for id in 0..256 {
        scene.feed(&format!("{} subscribe log:a", 2 * id + 2));
        scene.feed(&format!("{} unsubscribe log:a", 2 * id + 3));
    }
    scene.check("1000 subscribe log:a", &["1000 error: too many requests"]);
    assert_eq!(scene.feed("1001 subscribe open:a")[0], "1001 subscribed", "nothing to be asked");
    scene.feed("answer e@4");
    assert_eq!(scene.feed("1002 subscribe log:a")[0], "hold log:a");
}

#[test]
fn the_end_of_a_connection_leaves_each_channel_once() {
    let mut scene = Scene::of_ann().after(&[
        "2 subscribe open:a",
        "3 subscribe log:a",
        "4 subscribe log:b",
        "5 subscribe loud:a joins",
        "answer e@4",
    ]);
    scene.check(
        "gone",
        &[
            "unlisten open:a",
            "exit open:a ann",
            "unlisten log:a",
            "exit log:a ann",
            "unlisten log:b",
            "unlisten loud:a",
            "exit loud:a ann",
        ],
    );
    scene.check("answer e@4", &[]);
}

#[test]
fn a_closed_connection_leaves_its_channels_before_it_is_closed() {
    let mut scene = Scene::of_ann().after(&["2 subscribe open:a"]);
    scene.check("0 pong", &["unlisten open:a", "exit open:a ann", "close BadRequest"]);
}
