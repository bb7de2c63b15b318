//! Who is let in.

use super::*;

#[test]
fn a_client_with_a_token_is_let_in() {
    let mut scene = Scene::new();
    scene.check("1 connect token=user/ann", &["connected ann", "1 connect ping=25 pong"]);
    assert!(scene.session.is_connected());
    assert_eq!(scene.session.user().as_str(), "ann");
}

#[test]
fn a_token_that_expires_says_when() {
    let mut scene = Scene::new();
    scene.pass(500);
    let ttl = "1 connect ttl=60 ping=25 pong";
    scene.check("1 connect token=user/ann/exp=60", &["connected ann", ttl]);
}

#[test]
fn a_client_that_cannot_answer_pings_is_not_asked_to() {
    let mut scene = Scene::with(
        Limits::default(),
        Abilities { binary: false, pong: false, ..Abilities::default() },
    );
    scene.check("1 connect token=user/ann", &["connected ann", "1 connect ping=25"]);
}

#[test]
fn an_expired_token_is_an_error_and_the_client_comes_back_anew() {
    let mut scene = Scene::new();
    scene.check("1 connect token=expired", &["1 error: token expired"]);
    assert!(!scene.session.is_connected());
    scene.check("2 connect token=user/ann", &["close BadRequest"]);

    let mut scene = Scene::new().after(&["1 connect token=expired"]);
    scene.check("2 subscribe open:a", &["close BadRequest"]);

    let mut scene = Scene::new().after(&["1 connect token=expired"]);
    scene.check("wait 10000", &["close Stale"]);
}

#[test]
fn a_token_that_is_none_closes() {
    for (line, close) in [
        ("1 connect token=nonsense", "close InvalidToken"),
        ("1 connect token=sub/open:a/ann", "close InvalidToken"),
        ("1 connect", "close Unauthorized"),
    ] {
        Scene::new().check(line, &[close]);
    }
}

#[test]
fn nobody_in_particular_is_let_in_where_that_is_allowed() {
    for mut scene in [Scene::anonymous(), Scene::insecure()] {
        scene.check("1 connect", &["connected nobody", "1 connect ping=25 pong"]);
        assert!(scene.session.user().is_anonymous());
    }
}

#[test]
fn a_token_is_verified_wherever_it_is_shown() {
    for scene in [Scene::anonymous, Scene::insecure] {
        scene().check("1 connect token=nonsense", &["close InvalidToken"]);
        scene().check("1 connect token=expired", &["1 error: token expired"]);
        scene().check("1 connect token=user/ann", &["connected ann", "1 connect ping=25 pong"]);
    }
}

#[test]
fn a_claimed_user_is_the_tokens_user_or_nobody_checks() {
    let welcome = ["connected ann", "1 connect ping=25 pong"];
    Scene::new().check("1 connect token=user/ann user=ann", &welcome);
    Scene::new().check("1 connect token=user/ann user=bob", &["close PermissionDenied"]);
    Scene::new().check("1 connect user=ann", &["close PermissionDenied"]);
    Scene::anonymous().check("1 connect user=ann", &["close PermissionDenied"]);
    Scene::insecure().check("1 connect user=ann", &welcome);
    Scene::insecure().check("1 connect token=user/ann user=bob", &["close PermissionDenied"]);
}

#[test]
fn what_a_client_says_of_itself_is_bounded() {
    let line = |name: usize, version: usize, user: usize| {
        let (name, version, user) = ("n".repeat(name), "v".repeat(version), "u".repeat(user));
        format!("1 connect name={name} version={version} user={user}")
    };
    assert_eq!(Scene::insecure().feed(&line(16, 64, 255)).len(), 2);
    for line in [line(17, 0, 1), line(0, 65, 1), line(0, 0, 256)] {
        Scene::insecure().check(&line, &["close BadRequest"]);
    }
}

#[test]
fn connect_comes_first() {
    for line in [
        "1 subscribe open:a",
        "1 unsubscribe open:a",
        "1 publish open:a 1",
        "1 presence open:a",
        "1 history log:a",
        "1 rpc method",
        "1 refresh user/ann",
        "0 send 1",
        "0 say 1",
        "0 pong",
        "1 unsupported",
    ] {
        Scene::anonymous().check(line, &["close BadRequest"]);
    }
}

#[test]
fn connect_comes_once() {
    Scene::of_ann().check("2 connect token=user/ann", &["close BadRequest"]);
}

#[test]
fn what_the_node_does_not_do_closes() {
    Scene::of_ann().check("2 unsupported", &["close BadRequest"]);
}

#[test]
fn only_what_is_never_answered_comes_without_an_id() {
    for line in ["0 subscribe open:a", "0 publish open:a 1", "0 unsubscribe open:a", "0 rpc m"] {
        Scene::of_ann().check(line, &["close BadRequest"]);
    }
    Scene::new().check("0 connect token=user/ann", &["close BadRequest"]);
    Scene::of_ann().check("0 send 1", &[]);
}

#[test]
fn nothing_happens_after_the_end() {
    for end in ["2 connect", "gone", "control disconnect"] {
        let mut scene = Scene::of_ann().after(&["5 publish open:a 1", end]);
        for line in ["3 connect", "3 subscribe open:a", "0 pong", "url subscribe open:a"] {
            scene.check(line, &[]);
        }
        for line in [
            "answer",
            "wait 60000",
            "control disconnect",
            "missed open:a e@1",
            "crowded",
            "drained",
            "gone",
        ] {
            scene.check(line, &[]);
        }
    }
}
