//! Where a channel is heard only once the broker says so.

use super::*;

fn scene() -> Scene {
    Scene { over_a_broker: true, ..Scene::new() }.after(&["1 connect token=user/ann"])
}

#[test]
fn a_client_is_subscribed_once_its_channel_is_heard() {
    let mut scene = scene();
    scene.check("2 subscribe open:a", &["attend open:a", "ask hear open:a"]);
    scene.check("answer ", &["2 subscribed", "listen open:a", "enter open:a ann"]);
    scene.check("3 unsubscribe open:a", &["unlisten open:a", "exit open:a ann", "3 unsubscribed"]);
}

#[test]
fn a_channel_that_cannot_be_heard_is_refused_for_now() {
    let mut scene = scene().after(&["2 subscribe open:a"]);
    scene.check("answer overloaded", &["unlisten open:a", "2 error: temporarily unavailable"]);
    scene.check("3 subscribe open:a", &["attend open:a", "ask hear open:a"]);
}

#[test]
fn who_leaves_before_the_channel_is_heard_was_never_there() {
    let mut scene = scene().after(&["2 subscribe open:a"]);
    scene.check("3 unsubscribe open:a", &["unlisten open:a", "3 unsubscribed"]);
    scene.check("answer ", &["2 error: internal error"]);
}

#[test]
fn streams_are_read_as_anywhere() {
    let mut scene = scene();
    assert_eq!(scene.feed("2 subscribe log:a")[0], "hold log:a");
    assert_eq!(scene.feed("answer e@4")[0], "2 subscribed recoverable at e@4");
}

#[test]
fn the_connect_reply_waits_until_the_channels_of_the_token_are_heard() {
    let mut scene = Scene { over_a_broker: true, ..Scene::new() };
    let lines = scene.feed("1 connect token=user/ann/channels=open:a");
    assert!(lines.ends_with(&["attend open:a".into(), "ask hear open:a".into()]), "{lines:?}");
    let lines = scene.feed("answer ");
    assert!(lines[0].starts_with("1 connect "), "{lines:?}");
    assert_eq!(lines[1..], ["listen open:a", "enter open:a ann"]);
}
