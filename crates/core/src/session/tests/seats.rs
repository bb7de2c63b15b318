//! Channels and namespaces that may have only so many subscriptions.
//!
//! After every line of every scene those have a seat that need one, and nobody else has. Here it is
//! looked at who is refused, and once at each way in which a subscription ends.

use crate::application::Calls;
use crate::revocation::{Revocation, Subject};

use super::*;

const FULL: &str = "error: limit exceeded";

impl Scene {
    /// The same scene, where others have all seats but so many.
    fn with_seats(mut self, left: usize) -> Self {
        self.others = SEATS - left;
        self.seats.store(left, Ordering::Relaxed);
        self
    }
}

fn ann(seats_left: usize) -> Scene {
    Scene::of_ann().with_seats(seats_left)
}

fn asking(seats_left: usize) -> Scene {
    let calls = Calls { connect: true, subscribe: true, sub_refresh: true, ..Calls::default() };
    let policy = Policy { calls, anonymous: true, ..Policy::default() };
    Scene { policy, ..Scene::new() }.with_seats(seats_left)
}

#[test]
fn who_finds_no_seat_is_refused_and_nothing_else() {
    let mut scene = ann(1);
    scene.check("2 subscribe few:a", &["2 subscribed", "listen few:a", "enter few:a ann"]);
    scene.check("3 subscribe few:b", &[&format!("3 {FULL}")]);
    scene.check("4 subscribe few_log:a", &[&format!("4 {FULL}")]);
    scene.check("5 subscribe few:c token=sub/few:c/ann", &[&format!("5 {FULL}")]);
    scene.check("6 subscribe open:a", &["6 subscribed", "listen open:a", "enter open:a ann"]);
    scene.feed("7 unsubscribe few:a");
    scene.check("8 subscribe few_log:a", &["hold few_log:a", "ask history few_log:a limit 0"]);
}

#[test]
fn who_may_not_subscribe_learns_nothing_of_seats() {
    ann(0).check("2 subscribe few_asking:a", &["2 error: permission denied"]);
}

#[test]
fn a_url_is_refused_by_a_push_and_ends_what_is_of_no_use_without() {
    let opened = || Scene::new().with_seats(0).after(&["url connect token=user/ann"]);
    opened().check("url subscribe few:a", &["push unsubscribed few:a: Refused(LimitExceeded)"]);
    opened().check("url subscribe few:a required", &["close ChannelLimit"]);
}

#[test]
fn what_the_server_wants_is_as_with_more_channels_than_a_connection_may_have() {
    ann(0).check("control subscribe few:a", &[]);
    let token = "1 connect token=user/ann/channels=few:a";
    Scene::new().with_seats(0).check(token, &["connected ann", "close ChannelLimit"]);

    let mut scene = Scene::new().with_seats(0).after(&["1 connect token=user/ann/channels=log:a"]);
    scene.check("control subscribe few:a", &[]);
    let lines = scene.feed("answer e@4");
    assert_eq!(lines[0], "1 connect ping=25 pong [log:a recoverable at e@4]", "nothing is missing");
}

#[test]
fn a_seat_is_taken_when_the_application_has_allowed_it() {
    let mut scene = asking(1).after(&["1 connect token=user/ann"]);
    scene.feed("2 subscribe few_asking:a");
    assert_eq!(scene.seats_left(), 1);
    scene.feed("3 subscribe few:a");
    scene.check("answer permit", &[&format!("2 {FULL}")]);
    scene.feed("4 unsubscribe few:a");
    scene.feed("5 subscribe few_asking:a");
    scene.check("answer error 403", &["5 error: words"]);
    scene.feed("6 subscribe few_asking:a");
    assert_eq!(scene.feed("answer permit")[0], "6 subscribed");
    assert_eq!(scene.seats_left(), 0);

    let mut scene = asking(0).after(&["url connect token=user/ann"]);
    scene.feed("url subscribe few_asking:a required");
    scene.check("answer permit", &["close ChannelLimit"]);
}

#[test]
fn a_seat_is_kept_by_who_logs_in_late() {
    let come = ["url connect", "answer let in user/", "url subscribe few:a", "1 login"];
    let mut scene = asking(1).after(&come);
    let lines = scene.feed("answer let in user/ann");
    assert_eq!(lines, ["bound ann", "exit few:a nobody", "enter few:a ann", "1 logged in ann"]);
    assert_eq!(scene.seats_left(), 0);

    let lines = asking(1).after(&come).feed("answer let in user/ann/channels=few:b");
    assert_eq!(lines.last().map(String::as_str), Some("close ChannelLimit"));
}

#[test]
fn a_seat_is_free_again_at_once() {
    let mut scene = Scene::new().with_seats(1).after(&[
        "1 connect token=user/ann/channels=log:a",
        "2 subscribe few:a",
        "3 unsubscribe few:a",
        "4 subscribe few:b",
    ]);
    let lines = scene.feed("answer e@4");
    assert!(lines.contains(&"4 subscribed".into()), "{lines:?}");
}

#[test]
fn a_seat_is_free_again_however_its_subscription_ends() {
    let connect = "1 connect token=user/ann";
    let reading = [connect, "2 subscribe few_log:a"];
    let expiring = [connect, "2 subscribe few:a token=sub/few:a/ann/exp=3"];
    let live = [connect, "2 subscribe few_log:a", "answer e@4"];
    let renewing = [connect, "2 subscribe few_asking:a", "answer permit exp=3", "wait 3000"];
    for (begin, end) in [
        (&live[..], &["3 unsubscribe few_log:a"][..]),
        (&live, &["control unsubscribe few_log:a"]),
        (&live, &["control disconnect"]),
        (&live, &["3 unsupported"]),
        (&live, &["gone"]),
        (&live, &["missed few_log:a e@4", "answer e@9 7 8 9"]),
        (&live, &["missed few_log:a e@4", "gone"]),
        (&live, &["crowded few_log:a=e@4", "3 unsubscribe few_log:a"]),
        (&reading, &["answer overloaded"]),
        (&reading, &["3 unsubscribe few_log:a", "answer e@4"]),
        (&reading, &["gone"]),
        (&[connect, "2 subscribe few_log:a from=x@2 reject"], &["answer e@4"]),
        (&["1 connect token=user/ann/channels=few_log:a"], &["answer overloaded"]),
        (
            &["1 connect token=user/ann/channels=few:a,few_log:a"],
            &["control unsubscribe few:a", "gone"],
        ),
        (&expiring, &["wait 28000"]),
        (&renewing, &["answer expired"]),
    ] {
        let mut scene = asking(2).after(begin);
        assert!(scene.seats_left() < SEATS, "{begin:?}");
        scene = scene.after(end);
        assert_eq!(scene.seats_left(), SEATS, "{begin:?} {end:?}");
    }
}

#[test]
fn a_seat_is_free_again_when_its_token_is_taken_back() {
    let mut scene = ann(1).after(&["2 subscribe few:a token=sub/few:a/ann/id=t"]);
    let subject = Subject::Token(crate::revocation::TokenId::new("t").unwrap());
    let (issued_before, expires_at) = (scene.wall, WallTime(u64::MAX));
    scene.tell(Input::Revoked(&Revocation { subject, issued_before, expires_at }));
    assert_eq!(scene.seats_left(), 1);
}

#[test]
fn a_seat_is_free_again_where_the_broker_does_not_answer() {
    let mut scene = Scene { over_a_broker: true, ..Scene::new() };
    scene = scene.after(&["1 connect token=user/ann", "2 subscribe few:a"]);
    assert_eq!(scene.seats_left(), 1);
    scene.feed("answer overloaded");
    assert_eq!(scene.seats_left(), 2);
}
