//! What was taken back is refused, and ends what it had allowed.

use crate::application::Calls;
use crate::identity::UserId;
use crate::revocation::{Revocation, Subject, TokenId};

use super::*;

fn token(id: &str) -> Subject {
    Subject::Token(TokenId::new(id).unwrap())
}

/// What ann was given in the first 10 s of the scene, or the token.
fn revocation(subject: Subject) -> Revocation {
    let issued_before = WallTime(START.0 + 10_000);
    Revocation { subject, issued_before, expires_at: WallTime(u64::MAX) }
}

fn ann() -> Subject {
    Subject::User(UserId::new("ann"))
}

impl Scene {
    /// The same scene where this was taken back already.
    fn knowing(mut self, subject: Subject) -> Self {
        self.revoked.add(&revocation(subject));
        self
    }

    /// It is taken back now.
    fn revoke(&mut self, subject: Subject) -> Vec<String> {
        let revocation = revocation(subject);
        self.revoked.add(&revocation);
        self.tell(Input::Revoked(&revocation))
    }
}

#[test]
fn a_token_that_was_taken_back_lets_nobody_in() {
    for (subject, shown, let_in) in [
        (ann(), "user/ann", false),
        (ann(), "user/ann/iat=9", false),
        (ann(), "user/ann/iat=10", true),
        (ann(), "user/bob", true),
        (Subject::Everybody, "user/bob/iat=9", false),
        (Subject::Everybody, "user/bob/iat=10", true),
        (token("t"), "user/ann/id=t/iat=20", false),
        (token("t"), "user/ann/id=u", true),
    ] {
        let mut scene = Scene::new().knowing(subject);
        let told = scene.feed(&format!("1 connect token={shown}"));
        if let_in {
            assert_ne!(told, ["close InvalidToken"], "{shown}");
        } else {
            assert_eq!(told, ["close InvalidToken"], "{shown}");
        }
    }
}

#[test]
fn a_connection_ends_with_what_had_let_it_in() {
    for (subject, shown, stays) in [
        (ann(), "user/ann/exp=60/iat=9", false),
        (ann(), "user/ann/iat=10", true),
        (ann(), "user/bob", true),
        (token("t"), "user/bob/id=t", false),
        (token("t"), "user/bob/id=u", true),
        (Subject::Everybody, "user/bob", false),
    ] {
        let mut scene = Scene::new().after(&[&format!("1 connect token={shown}")]);
        let told = scene.revoke(subject);
        let expected: &[&str] = if stays { &[] } else { &["close InvalidToken"] };
        assert_eq!(told, expected, "{shown}");
    }
}

#[test]
fn a_connection_that_has_shown_a_newer_token_stays() {
    let mut scene = Scene::new().after(&["1 connect token=user/ann/id=t"]);
    scene.feed("2 refresh user/ann/iat=10/id=u");
    assert!(scene.revoke(ann()).is_empty());
    assert!(scene.revoke(token("t")).is_empty());
    assert_eq!(scene.revoke(token("u")), ["close InvalidToken"]);
}

#[test]
fn a_token_that_was_taken_back_refreshes_nothing() {
    let mut scene = Scene::of_ann().knowing(token("t"));
    scene.feed("2 subscribe open:a token=sub/open:a/ann/exp=60");
    scene.check("3 sub_refresh open:a sub/open:a/ann/id=t", &["3 error: permission denied"]);
    scene.check(
        "4 refresh user/ann/id=t",
        &["unlisten open:a", "exit open:a ann", "close InvalidToken"],
    );
}

#[test]
fn a_subscription_ends_with_its_token_and_the_connection_goes_on() {
    let mut scene = Scene::of_ann().knowing(token("t"));
    scene.check("2 subscribe open:a token=sub/open:a/ann/id=t", &["2 error: permission denied"]);
    scene.feed("3 subscribe open:b token=sub/open:b/ann/id=u");
    scene.feed("4 subscribe open:c");
    let told = scene.revoke(token("u"));
    assert!(told.iter().any(|line| line.contains("open:b")), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("open:c")), "{told:?}");
    assert!(scene.session.is_connected());
    assert_eq!(scene.session.subscription_count(), 1);
}

#[test]
fn who_came_without_a_token_counts_from_when_they_came() {
    let mut scene = Scene::insecure().after(&["1 connect user=ann"]);
    assert_eq!(scene.revoke(ann()), ["close InvalidToken"]);
    let mut late = Scene::insecure();
    late.pass(10_000);
    late.feed("1 connect user=ann");
    assert!(late.revoke(ann()).is_empty());
}

/// A scene of a client of whom the application is asked, and of which ann was taken back.
fn asking() -> Scene {
    let calls = Calls { connect: true, ..Calls::default() };
    Scene { policy: Policy { calls, anonymous: true, ..Policy::default() }, ..Scene::new() }
}

#[test]
fn what_was_taken_back_while_the_application_was_asked_lets_nobody_in() {
    let mut scene = asking().after(&["1 connect", "wait 9000"]);
    assert!(scene.revoke(ann()).is_empty(), "it is not known yet who it is");
    scene.pass(500);
    // Perhaps it knows better by now, but that was before the time, too.
    scene.check("answer let in user/ann", &["ask anew who it is by nobody"]);
    scene.pass(1_000);
    scene.check("answer let in user/ann", &["1 error: temporarily unavailable"]);
}

#[test]
fn who_is_known_again_behind_it_is_let_in() {
    let mut scene = asking().after(&["1 connect", "wait 9900"]);
    scene.revoke(ann());
    scene.pass(100);
    scene.check("answer let in user/ann", &["ask anew who it is by nobody"]);
    scene.check("answer let in user/ann", &["connected ann", "1 connect ping=25 pong"]);
    assert!(scene.revoke(ann()).is_empty());
}

#[test]
fn what_the_application_has_said_before_does_not_count() {
    let mut scene = asking().knowing(ann());
    scene.pass(20_000);
    scene.check("1 connect", &["ask who it is by nobody"]);
    scene.check("answer let in user/ann age=10001", &["ask anew who it is by nobody"]);
    let mut scene = asking().knowing(ann());
    scene.pass(20_000);
    scene.feed("1 connect");
    assert_eq!(scene.feed("answer let in user/ann age=10000")[0], "connected ann");
    // It holds on: it was said before what is taken back now.
    let mut scene = asking();
    scene.pass(15_000);
    scene.feed("1 connect");
    assert_eq!(scene.feed("answer let in user/ann age=6000")[0], "connected ann");
    assert_eq!(scene.revoke(ann()), ["close InvalidToken"]);
}

#[test]
fn nobody_logs_in_by_what_was_taken_back() {
    let mut scene = asking().knowing(ann()).after(&["1 connect", "answer let in user/"]);
    scene.check("2 login", &["ask anew who it is by nobody"]);
    scene.pass(10_000);
    scene.check("answer let in user/ann", &["2 error: temporarily unavailable"]);
    scene.check("3 login", &["ask anew who it is by nobody"]);
    scene.check("answer let in user/ann", &["bound ann", "3 logged in ann"]);
}

#[test]
fn who_is_nobody_and_has_no_token_has_nothing_to_lose() {
    let mut scene = Scene::anonymous().after(&["1 connect"]);
    assert!(scene.revoke(Subject::Everybody).is_empty());
}
