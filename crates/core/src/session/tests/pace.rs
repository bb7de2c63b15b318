//! How fast a client may be.

use crate::rate::{Doing, Rate, Rates};

use super::*;

fn scene(per_connection: Rates) -> Scene {
    Scene { per_connection, ..Scene::new() }.after(&["1 connect token=user/ann"])
}

fn once_a_second() -> Option<Rate> {
    Some(Rate { count: 1, per_ms: 1_000 })
}

const TOO_FAST: &str = "error: too many requests: come back in";

#[test]
fn a_connection_that_publishes_too_fast_is_told_when_to_come_back() {
    let mut scene = scene(Rates { publish: once_a_second(), ..Rates::default() });
    assert!(scene.feed("2 publish open:a 1")[0].starts_with("ask publish"));
    scene.pass(300);
    scene.check("3 publish open:a 1", &[&format!("3 {TOO_FAST} 700 ms")]);
    // What else it does is not its publishing.
    scene.check("4 rpc m", &["ask rpc m"]);
    scene.pass(700);
    assert!(scene.feed("5 publish open:a 1")[0].starts_with("ask publish"));
}

#[test]
fn everything_counts_as_a_command_but_answers_to_pings() {
    let seldom = Some(Rate { count: 1, per_ms: 100_000 });
    let mut scene = scene(Rates { command: seldom, ..Rates::default() });
    scene.check("2 rpc m", &["ask rpc m"]);
    scene.check("wait 25000", &["ping"]);
    scene.check("0 pong", &[]);
    scene.check("3 subscribe open:a", &[&format!("3 {TOO_FAST} 75000 ms")]);
}

#[test]
fn what_cannot_be_answered_is_not_lost_in_silence() {
    let mut scene = scene(Rates { command: once_a_second(), ..Rates::default() });
    scene.check("0 send 1", &[]);
    scene.check("0 send 2", &["close TooManyRequests"]);
}

#[test]
fn a_users_other_connections_count_too() {
    let mut scene = scene(Rates::default());
    scene.held_back = Some((Doing::Subscribe, 40));
    scene.check("2 subscribe open:a", &[&format!("2 {TOO_FAST} 40 ms")]);
    assert!(scene.feed("3 publish open:a 1")[0].starts_with("ask publish"));
}

#[test]
fn who_connects_too_often_is_sent_away_for_a_while() {
    let held_back = Some((Doing::Connect, 40));
    let refused = format!("1 {TOO_FAST} 40 ms");
    Scene { held_back, ..Scene::new() }.check("1 connect token=user/ann", &[&refused]);
    Scene { held_back, ..Scene::new() }
        .check("url connect token=user/ann", &["close TooManyRequests"]);
}
