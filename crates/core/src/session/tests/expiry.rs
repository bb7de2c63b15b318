//! Tokens that expire, and newer ones.

use super::*;

#[test]
fn a_connection_ends_some_time_after_its_token() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/exp=3"]);
    assert_eq!(scene.session.wake_at(), Tick(12_507), "the first ping comes earlier");
    scene.feed("wait 12507");
    scene.feed("0 pong");
    assert_eq!(scene.session.wake_at(), Tick(28_000), "25 s to fetch a new one");
    scene.check("wait 15492", &[]);
    scene.check("wait 1", &["close Expired"]);
}

#[test]
fn a_newer_token_keeps_the_connection() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/exp=3/info=x"]);
    scene.check("2 refresh user/ann/exp=100/info=y", &["2 refreshed ttl=100"]);
    scene.check("3 publish open:a 1", &["ask publish open:a 1 by ann conn=y"]);
    scene.check("wait 28000", &["ping"]);
    scene.check("4 refresh user/ann", &["4 refreshed"]);
    scene.feed("0 pong");
    scene.check("wait 1000000", &["ping"]);
}

#[test]
fn a_token_without_info_leaves_what_is_known() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/info=x", "2 refresh user/ann"]);
    scene.check("3 publish open:a 1", &["ask publish open:a 1 by ann conn=x"]);
}

#[test]
fn a_newer_token_comes_in_time_until_the_grace_is_over() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/exp=3"]);
    scene.pass(27_999);
    scene.check("2 refresh user/ann/exp=60", &["2 refreshed ttl=33"]);
}

#[test]
fn a_newer_token_that_is_none_closes() {
    for (token, close) in [
        ("", "close BadRequest"),
        ("expired", "close Expired"),
        ("nonsense", "close InvalidToken"),
        ("user/bob", "close InvalidToken"),
        ("user/", "close InvalidToken"),
        ("sub/open:a/ann", "close InvalidToken"),
    ] {
        Scene::of_ann().check(&format!("2 refresh {token}"), &[close]);
    }
}

#[test]
fn where_nothing_is_secured_no_connection_expires() {
    let mut scene = Scene::insecure();
    let connected = ["connected ann", "1 connect ping=25 pong"];
    scene.check("1 connect token=user/ann/exp=3", &connected);
    scene.check("2 refresh user/ann/exp=3", &["2 refreshed"]);
    scene.check("wait 60000", &["ping"]);
}

#[test]
fn a_subscription_ends_some_time_after_its_token() {
    let mut scene = Scene::of_ann().after(&[
        "2 subscribe open:a",
        "3 subscribe open:b token=sub/open:b/ann/exp=1",
        "4 subscribe log:c token=sub/log:c/ann/exp=1",
        "answer e@4",
        "wait 12507",
        "0 pong",
    ]);
    assert_eq!(scene.session.wake_at(), Tick(26_000));
    scene.check("wait 13492", &[]);
    scene.check(
        "wait 1",
        &[
            "unlisten open:b",
            "exit open:b ann",
            "push unsubscribed open:b: Expired",
            "unlisten log:c",
            "exit log:c ann",
            "push unsubscribed log:c: Expired",
        ],
    );
    assert_eq!(scene.session.subscription_count(), 1);
}

#[test]
fn a_newer_token_keeps_the_subscription() {
    let mut scene =
        Scene::of_ann().after(&["2 subscribe open:a token=sub/open:a/ann/exp=1/info=x"]);
    scene.check("3 sub_refresh open:a sub/open:a/ann/exp=100/info=y", &["3 sub_refreshed ttl=100"]);
    scene.check("wait 26000", &["ping"]);
    scene.check("4 sub_refresh open:a sub/open:a/ann", &["4 sub_refreshed"]);
    scene.feed("0 pong");
    scene.check("wait 1000000", &["ping"]);
    scene.check("gone", &["unlisten open:a", "exit open:a ann chan=y"]);
}

#[test]
fn a_newer_token_of_a_subscription_must_be_good() {
    let scene = || Scene::of_ann().after(&["2 subscribe open:a token=sub/open:a/ann/exp=1"]);
    scene().check("3 sub_refresh open:a expired", &["3 error: token expired"]);
    scene().check("3 sub_refresh open:a nonsense", &["3 error: permission denied"]);
    scene().check("3 sub_refresh open:b sub/open:b/ann", &["3 error: bad request"]);
    for token in ["sub/open:a/bob", "sub/open:b/ann", "sub/open:a/ann/client=8"] {
        let effects = scene().feed(&format!("3 sub_refresh open:a {token}"));
        assert_eq!(effects, ["unlisten open:a", "exit open:a ann", "close InvalidToken"]);
    }
}

#[test]
fn the_application_may_let_a_connection_go_on() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/exp=3/info=x"]);
    scene.check("control refresh exp=100 info=y", &[]);
    scene.check("3 publish open:a 1", &["ask publish open:a 1 by ann conn=y"]);
    scene.check("wait 28000", &["ping"]);
    scene.feed("0 pong");
    scene.check("control refresh", &[]);
    scene.check("4 publish open:a 1", &["ask publish open:a 1 by ann conn=y"]);
    scene.check("wait 1000000", &["ping"]);
}

#[test]
fn the_application_may_let_a_connection_expire() {
    for line in ["control refresh expired", "control refresh expired exp=100"] {
        Scene::of_ann().check(line, &["close Expired"]);
    }
    let mut scene = Scene::of_ann();
    scene.feed("wait 5000");
    scene.check("control refresh exp=5", &["close Expired"]);
    let mut scene = Scene::of_ann().after(&["control refresh exp=3"]);
    assert_eq!(scene.session.wake_at(), Tick(12_507), "the first ping comes earlier");
    scene.pass(27_999);
    scene.check("2 refresh user/ann/exp=60", &["2 refreshed ttl=33"]);
}

#[test]
fn whoever_was_not_let_in_cannot_be_let_go_on() {
    let mut scene = Scene::new();
    scene.check("control refresh exp=100", &[]);
    scene.check("wait 10000", &["close Stale"]);
}
