//! Subscriptions that come with the identity, and what happens until the connect reply.

use super::*;

fn coming(channels: &str) -> Scene {
    Scene::new().after(&[&format!("1 connect token=user/ann/channels={channels}")])
}

#[test]
fn channels_of_the_token_come_with_the_connect_reply() {
    let mut scene = Scene::new();
    scene.check(
        "1 connect token=user/ann/channels=open:a,louder:a",
        &[
            "connected ann",
            "1 connect ping=25 pong [open:a] [louder:a]",
            "listen open:a",
            "enter open:a ann",
            "listen louder:a joins",
            "enter louder:a ann",
        ],
    );
}

#[test]
fn what_a_token_names_twice_or_no_longer_exists_does_not_matter() {
    let mut scene = Scene::new();
    scene.check(
        "1 connect token=user/ann/channels=open:a,other:a,open:a",
        &["connected ann", "1 connect ping=25 pong [open:a]", "listen open:a", "enter open:a ann"],
    );
}

#[test]
fn a_token_opens_closed_and_private_channels() {
    let mut scene = Scene::new();
    let effects = scene.feed("1 connect token=user/ann/channels=closed:a,$open:a");
    assert_eq!(effects[1], "1 connect ping=25 pong [closed:a] [$open:a]");
}

#[test]
fn the_connect_reply_waits_for_the_places_in_all_streams() {
    let mut scene = Scene::new();
    scene.check(
        "1 connect token=user/ann/channels=log:a,open:a,log:b at=log:a=e@2",
        &[
            "connected ann",
            "hold log:a",
            "ask history log:a since e@2 limit 301",
            "hold log:b",
            "ask history log:b limit 0",
        ],
    );
    scene.check("last f@9", &[]);
    scene.check(
        "answer e@4 3 4",
        &[
            "1 connect ping=25 pong [open:a] [log:b recoverable at f@9] \
             [log:a recoverable at e@2 was_recovering recovered #3 #4]",
            "listen open:a",
            "enter open:a ann",
            "release log:b after f@9",
            "enter log:b ann",
            "release log:a after e@4",
            "enter log:a ann",
        ],
    );
}

#[test]
fn a_place_that_cannot_be_found_ends_the_connection() {
    coming("open:a,log:a")
        .check("answer overloaded", &["unlisten log:a", "close InsufficientState"]);
}

#[test]
fn more_channels_than_a_connection_may_have_close() {
    let limits = Limits { channels_per_connection: 1, ..Limits::default() };
    let mut scene =
        Scene::with(limits, Abilities { binary: true, pong: true, ..Abilities::default() });
    scene.check(
        "1 connect token=user/ann/channels=log:a,log:b",
        &[
            "connected ann",
            "hold log:a",
            "ask history log:a limit 0",
            "unlisten log:a",
            "close ChannelLimit",
        ],
    );
}

#[test]
fn what_comes_early_is_done_in_order_after_the_connect_reply() {
    let mut scene = coming("log:a");
    for line in ["2 subscribe open:b", "3 publish open:b 1", "0 say 2", "4 subscribe log:a"] {
        scene.check(line, &[]);
    }
    scene.check(
        "answer e@4",
        &[
            "1 connect ping=25 pong [log:a recoverable at e@4]",
            "release log:a after e@4",
            "enter log:a ann",
            "2 subscribed",
            "listen open:b",
            "enter open:b ann",
            "ask publish open:b 1 by ann",
            "ask publish open:b 2 by ann",
            "4 error: already subscribed",
        ],
    );
}

#[test]
fn what_comes_early_and_closes_is_the_last_thing_done() {
    let mut scene = coming("log:a").after(&["2 unsupported", "3 subscribe open:b", "4 rpc m"]);
    scene.check(
        "answer e@4",
        &[
            "1 connect ping=25 pong [log:a recoverable at e@4]",
            "release log:a after e@4",
            "enter log:a ann",
            "unlisten log:a",
            "exit log:a ann",
            "close BadRequest",
        ],
    );
}

#[test]
fn only_so_much_may_come_early() {
    let limits = Limits { channels_per_connection: 2, ..Limits::default() };
    let scene = Scene::with(limits, Abilities { binary: true, pong: true, ..Abilities::default() });
    let mut scene = scene.after(&["1 connect token=user/ann/channels=log:a"]);
    for id in 2..260 {
        scene.check(&format!("{id} presence open:a"), &[]);
    }
    scene.check("260 presence open:a", &["unlisten log:a", "close TooManyRequests"]);
}

#[test]
fn a_second_connect_closes_before_the_reply_to_the_first() {
    coming("log:a").check("2 connect token=user/ann", &["unlisten log:a", "close BadRequest"]);
}

#[test]
fn whoever_goes_early_leaves_what_is_held() {
    coming("log:a,open:a").check("gone", &["unlisten log:a"]);
    coming("log:a,log:b")
        .after(&["answer e@4"])
        .check("gone", &["unlisten log:a", "unlisten log:b"]);
}

#[test]
fn a_subscription_the_server_ends_early_is_not_in_the_connect_reply() {
    let mut scene = coming("log:a,open:a,log:b");
    scene.check("control unsubscribe log:a", &["unlisten log:a"]);
    scene.check("control unsubscribe open:a", &[]);
    scene.check("last e@4", &[]);
    scene.check("control unsubscribe log:b", &["unlisten log:b"]);
    scene.check("answer e@4", &["1 connect ping=25 pong"]);
    assert_eq!(scene.session.subscription_count(), 0);
}

#[test]
fn a_subscription_the_server_makes_early_is_in_the_connect_reply() {
    let mut scene = coming("log:a");
    scene.check("control subscribe open:b", &[]);
    scene.check("control subscribe log:b data=1", &["hold log:b", "ask history log:b limit 0"]);
    scene.check("answer e@4", &[]);
    assert_eq!(
        scene.feed("answer f@1")[0],
        "1 connect ping=25 pong [open:b] [log:a recoverable at e@4] \
         [log:b recoverable at f@1 data=1]"
    );
}
