//! Users and their inboxes.

use super::*;

fn scene(unread: bool) -> Scene {
    let abilities = Abilities { binary: true, pong: true, unread, ..Abilities::default() };
    let mut scene = Scene::with(Limits::default(), abilities);
    scene.policy.inbox = true;
    scene
}

const STATE: &str = "data={\"msg_type\":\"inbox.state\",\"unread\":2,\"floor\":2,\"acked\":[],\
                     \"dropped\":0,\"top\":4,\"epoch\":\"e\"}";

#[test]
fn a_user_is_subscribed_to_their_inbox_and_told_what_is_unread() {
    let mut scene = scene(false);
    scene.check(
        "1 connect token=user/ann",
        &["connected ann", "hold #ann", "ask inbox #ann limit 0"],
    );
    let lines = scene.feed("answer e@4 read=2");
    assert_eq!(lines[0], format!("1 connect ping=25 pong [#ann recoverable at e@4 {STATE}]"));
    assert_eq!(lines[1..], ["release #ann after e@4", "enter #ann ann"]);
}

#[test]
fn a_client_that_comes_back_to_its_inbox_recovers_as_anywhere() {
    let mut scene = scene(false);
    let lines = scene.feed("1 connect token=user/ann at=#ann=e@2");
    assert_eq!(lines[2], "ask inbox #ann since e@2 limit 301");
    let lines = scene.feed("answer e@4 3 4 read=2");
    assert!(lines[0].contains("was_recovering recovered #3 #4"), "{lines:?}");
}

#[test]
fn a_client_that_cannot_ask_is_given_what_is_unread() {
    let mut scene = scene(true);
    let lines = scene.feed("url connect token=user/ann");
    assert_eq!(lines[..2], ["connected ann", "push connect ping=25 pong"]);
    assert_eq!(lines[2..], ["hold #ann", "ask inbox #ann unread limit 300"]);
    let lines = scene.feed("answer e@4 3 4 read=2");
    assert_eq!(
        lines[0],
        format!("push subscribed #ann recoverable at e@4 #3 #4 {STATE}").replace(" #3 #4", "")
    );
    assert_eq!(
        lines[1..],
        ["push #ann #3", "push #ann #4", "release #ann after e@4", "enter #ann ann"]
    );
}

#[test]
fn what_was_read_out_of_order_is_not_given_again() {
    let mut scene = scene(true).after(&["url connect token=user/ann"]);
    let lines = scene.feed("answer e@5 3 4 5 read=2 also=3,5");
    assert_eq!(lines[1..], ["push #ann #4", "release #ann after e@5", "enter #ann ann"]);
}

#[test]
fn nobody_has_no_inbox() {
    let mut scene = scene(false);
    scene.policy.anonymous = true;
    scene.check("1 connect", &["connected nobody", "1 connect ping=25 pong"]);
}

#[test]
fn what_is_sent_to_a_device_is_pushed() {
    let mut scene = scene(false).after(&["1 connect token=user/ann", "answer e@4"]);
    assert_eq!(scene.feed("control send #ann data=1").len(), 1);
    assert_eq!(scene.feed("control send #bob data=1").len(), 0);
}
