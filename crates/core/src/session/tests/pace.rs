//! How fast a client may be.

use crate::application::Calls;
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
fn what_is_asked_for_in_the_url_counts() {
    let of_one = Rates { subscribe: once_a_second(), ..Rates::default() };
    let mut scene = scene(of_one);
    assert_eq!(scene.feed("url subscribe open:a")[0], "push subscribed open:a");
    let refused = "push unsubscribed open:b: Refused(TooFast { retry_ms: 1000 })";
    scene.check("url subscribe open:b", &[refused]);
    scene.check(
        "url subscribe open:c required",
        &["unlisten open:a", "exit open:a ann", "close TooManyRequests"],
    );
}

#[test]
fn what_waits_until_it_is_known_who_asks_goes_to_their_account() {
    let calls = Calls { connect: true, ..Calls::default() };
    let policy = Policy { calls, ..Policy::default() };
    let mut scene = Scene { policy, ..Scene::new() }.after(&["1 connect"]);
    scene.check("2 publish open:a 1", &[]);
    scene.held_back = Some((Doing::Publish, 40));
    let told = scene.feed("answer let in user/ann");
    assert_eq!(told[2..], [format!("2 {TOO_FAST} 40 ms")]);
}

#[test]
fn who_was_sent_away_for_a_while_was_never_there() {
    let held_back = Some((Doing::Connect, 40));
    let scene = Scene { held_back, ..Scene::new() }.after(&["1 connect token=user/ann"]);
    assert!(scene.session.user().is_anonymous());
}

#[test]
fn who_logs_in_connects_as_that_user() {
    let calls = Calls { connect: true, ..Calls::default() };
    let policy = Policy { calls, anonymous: true, ..Policy::default() };
    let lines = ["1 connect", "answer let in user/", "2 login"];
    let mut scene = Scene { policy, ..Scene::new() }.after(&lines);
    scene.held_back = Some((Doing::Connect, 40));
    scene.check("answer let in user/ann", &[&format!("2 {TOO_FAST} 40 ms")]);
    assert!(scene.session.user().is_anonymous());
}

#[test]
fn who_connects_too_often_is_sent_away_for_a_while() {
    let held_back = Some((Doing::Connect, 40));
    let refused = format!("1 {TOO_FAST} 40 ms");
    Scene { held_back, ..Scene::new() }.check("1 connect token=user/ann", &[&refused]);
    Scene { held_back, ..Scene::new() }
        .check("url connect token=user/ann", &["close TooManyRequests"]);
}
