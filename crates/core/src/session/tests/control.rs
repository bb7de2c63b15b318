//! What operators, the application and the shard do to a connection.

use super::*;

#[test]
fn whoever_is_disconnected_leaves() {
    Scene::new().check("control disconnect", &["close ForceDisconnect"]);
    let mut scene = Scene::of_ann().after(&["2 subscribe open:a", "3 subscribe log:a"]);
    scene.check(
        "control disconnect",
        &["unlisten open:a", "exit open:a ann", "unlisten log:a", "close ForceDisconnect"],
    );
}

#[test]
fn a_subscription_the_server_makes_is_pushed() {
    let mut scene = Scene::of_ann();
    scene.check(
        "control subscribe closed:a info=x data=1",
        &["push subscribed closed:a data=1", "listen closed:a", "enter closed:a ann chan=x"],
    );
    scene.check(
        "control subscribe louder:a",
        &["push subscribed louder:a", "listen louder:a joins", "enter louder:a ann"],
    );
    scene.check("control subscribe log:a", &["hold log:a", "ask history log:a limit 0"]);
    scene.check(
        "answer e@4",
        &["push subscribed log:a recoverable at e@4", "release log:a after e@4", "enter log:a ann"],
    );
}

#[test]
fn a_subscription_the_server_cannot_make_is_not_made() {
    let limits = Limits { channels_per_connection: 1, ..Limits::default() };
    let mut scene =
        Scene::with(limits, Abilities { binary: true, pong: true, ..Abilities::default() });
    scene.check("control subscribe open:a", &[]);
    scene.feed("1 connect token=user/ann");
    scene.check("control subscribe other:a", &[]);
    scene.feed("control subscribe open:a");
    scene.check("control subscribe open:a", &[]);
    scene.check("control subscribe open:b", &[]);
    assert_eq!(scene.session.subscription_count(), 1);
}

#[test]
fn a_subscription_whose_stream_cannot_be_read_is_told_of() {
    let mut scene = Scene::of_ann().after(&["control subscribe log:a"]);
    scene.check(
        "answer overloaded",
        &["unlisten log:a", "push unsubscribed log:a: Refused(TooManyRequests)"],
    );
}

#[test]
fn a_subscription_the_server_ends_is_pushed() {
    let mut scene = Scene::of_ann().after(&["2 subscribe open:a", "3 subscribe log:a"]);
    scene.check(
        "control unsubscribe open:a",
        &["unlisten open:a", "exit open:a ann", "push unsubscribed open:a: Server"],
    );
    scene
        .check("control unsubscribe log:a", &["unlisten log:a", "push unsubscribed log:a: Server"]);
    scene.check("answer e@4", &["3 error: internal error"]);
    scene.check("control unsubscribe open:a", &[]);
}

#[test]
fn a_client_may_end_what_the_server_made() {
    let mut scene = Scene::of_ann().after(&["control subscribe open:a"]);
    scene.check("2 subscribe open:a", &["2 error: already subscribed"]);
    scene.check("3 unsubscribe open:a", &["unlisten open:a", "exit open:a ann", "3 unsubscribed"]);
}

#[test]
fn a_client_comes_back_to_a_channel_that_lost_track() {
    let mut scene = Scene::of_ann().after(&["2 subscribe log:a", "answer e@4"]);
    scene.check("missed log:a e@4", &["hold log:a", "ask history log:a since e@4 limit 300"]);
    scene.check(
        "answer e@9 7 8 9",
        &[
            "lost gap=trimmed",
            "unlisten log:a",
            "exit log:a ann",
            "push unsubscribed log:a: InsufficientState",
        ],
    );
    scene.check("missed log:a e@4", &[]);
    assert_eq!(scene.feed("3 subscribe log:a from=e@4")[0], "hold log:a");
}

#[test]
fn a_connection_with_a_channel_of_the_server_that_lost_track_ends() {
    for line in ["1 connect token=user/ann/channels=log:a", "control subscribe log:a"] {
        let mut scene = match line.starts_with('1') {
            true => Scene::new(),
            false => Scene::of_ann(),
        };
        scene = scene.after(&[line, "answer e@4", "9 subscribe open:b", "missed log:a e@4"]);
        scene.check(
            "answer e@9 7 8 9",
            &[
                "lost gap=trimmed",
                "unlisten log:a",
                "exit log:a ann",
                "unlisten open:b",
                "exit open:b ann",
                "close InsufficientState",
            ],
        );
    }
}
