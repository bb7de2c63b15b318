//! Pings, pongs, and clients that say nothing.

use proptest::prelude::*;

use super::*;

/// When the first ping of [`CLIENT`] comes: half an interval, and what its id makes of the rest.
const FIRST_PING_MS: u64 = 12_500 + CLIENT.0 as u64;

fn wait(scene: &mut Scene, millis: u64) -> Vec<String> {
    scene.feed(&format!("wait {millis}"))
}

#[test]
fn whoever_does_not_introduce_itself_is_closed() {
    let mut scene = Scene::anonymous();
    assert_eq!(scene.session.wake_at(), Tick(10_000));
    scene.check("wait 9999", &[]);
    scene.check("wait 1", &["close Stale"]);
}

#[test]
fn a_ping_that_is_answered_is_followed_by_the_next() {
    let mut scene = Scene::of_ann();
    assert_eq!(scene.session.wake_at(), Tick(FIRST_PING_MS));
    assert_eq!(wait(&mut scene, FIRST_PING_MS - 1), [""; 0]);
    scene.check("wait 1", &["ping"]);
    assert!(scene.session.awaits_pong());
    scene.pass(7_999);
    scene.check("0 pong", &[]);
    assert!(!scene.session.awaits_pong());
    assert_eq!(scene.session.wake_at(), Tick(FIRST_PING_MS + 25_000));
    scene.check("wait 17001", &["ping"]);
}

#[test]
fn a_ping_that_is_not_answered_closes() {
    let mut scene = Scene::of_ann();
    wait(&mut scene, FIRST_PING_MS);
    assert_eq!(scene.session.wake_at(), Tick(FIRST_PING_MS + 8_000));
    scene.check("wait 7999", &[]);
    scene.check("2 publish open:a 1", &["ask publish open:a 1 by ann"]);
    scene.check("wait 1", &["close NoPong"]);
}

#[test]
fn a_pong_nobody_asked_for_closes() {
    Scene::of_ann().check("0 pong", &["close BadRequest"]);
    let mut scene = Scene::of_ann();
    wait(&mut scene, FIRST_PING_MS);
    scene.check("0 pong", &[]);
    scene.check("0 pong", &["close BadRequest"]);
}

#[test]
fn a_pong_may_carry_an_id() {
    let mut scene = Scene::of_ann();
    wait(&mut scene, FIRST_PING_MS);
    scene.check("9 pong", &[]);
}

#[test]
fn pings_that_want_no_answer_go_on() {
    let scene = Scene::with(
        Limits::default(),
        Abilities { binary: false, pong: false, ..Abilities::default() },
    );
    let mut scene = scene.after(&["1 connect token=user/ann"]);
    assert_eq!(wait(&mut scene, FIRST_PING_MS), ["ping"]);
    for _ in 0..3 {
        scene.check("wait 24999", &[]);
        scene.check("wait 1", &["ping"]);
    }
    scene.check("0 pong", &["close BadRequest"]);
}

#[test]
fn the_next_ping_is_the_last_moment_for_an_answer() {
    let limits = Limits { ping_ms: 1_000, pong_ms: 60_000, ..Limits::default() };
    let scene =
        Scene::with(limits, Abilities { binary: false, pong: true, ..Abilities::default() });
    let mut scene = scene.after(&["1 connect token=user/ann", "wait 507"]);
    scene.check("wait 999", &[]);
    scene.check("wait 1", &["close NoPong"]);
}

#[test]
fn pings_go_out_while_the_connect_reply_waits() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/channels=log:a"]);
    assert_eq!(wait(&mut scene, FIRST_PING_MS), ["ping"]);
    scene.check("0 pong", &[]);
    assert_eq!(scene.feed("answer e@4")[0], "1 connect ping=25 pong [log:a recoverable at e@4]");
}

#[test]
fn an_alarm_that_comes_too_early_changes_nothing() {
    let mut scene = Scene::of_ann();
    for _ in 0..3 {
        scene.check("wait 1000", &[]);
    }
    assert_eq!(scene.session.wake_at(), Tick(FIRST_PING_MS));
}

proptest! {
    /// Between half an interval and a whole one, wherever the id falls.
    #[test]
    fn first_pings_are_spread(id: u128, ping_ms in 0u64..100_000) {
        let limits = Limits { ping_ms, ..Limits::default() };
        let mut scene = Scene::with(limits.clone(), Abilities { binary: false, pong: true, ..Abilities::default() });
        scene.session = Session::new(ClientId(id), Abilities { binary: false, pong: true, ..Abilities::default() }, Tick(0), &limits);
        scene.feed("1 connect token=user/ann");
        let first = scene.session.wake_at().0;
        prop_assert!(ping_ms / 2 <= first && first <= ping_ms, "{first} of {ping_ms}");
    }
}
