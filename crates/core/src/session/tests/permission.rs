//! Who may subscribe: the first rule that applies wins.

use super::*;

const DENIED: &str = "2 error: permission denied";
const SUBSCRIBED: &str = "2 subscribed";

fn first_of(mut scene: Scene, line: &str) -> String {
    scene.feed(line).swap_remove(0)
}

fn ann(line: &str) -> String {
    first_of(Scene::of_ann(), line)
}

fn nobody(line: &str) -> String {
    first_of(Scene::anonymous().after(&["1 connect"]), line)
}

#[test]
fn the_namespace_says_who_may_subscribe_without_a_token() {
    assert_eq!(ann("2 subscribe open:a"), SUBSCRIBED);
    assert_eq!(nobody("2 subscribe open:a"), SUBSCRIBED);
    assert_eq!(ann("2 subscribe lobby"), SUBSCRIBED, "options of channels without a namespace");
    assert_eq!(ann("2 subscribe users:a"), "hold users:a");
    assert_eq!(nobody("2 subscribe users:a"), DENIED);
    assert_eq!(ann("2 subscribe closed:a"), DENIED);
}

#[test]
fn a_channel_of_no_namespace_is_unknown() {
    assert_eq!(ann("2 subscribe other:a"), "2 error: unknown channel");
    assert_eq!(ann("2 subscribe $other:a"), "2 error: unknown channel");
    let unnamed = Scene { namespaces: Namespaces::new(None), ..Scene::of_ann() };
    assert_eq!(first_of(unnamed, "2 subscribe lobby"), "2 error: unknown channel");
}

#[test]
fn a_text_that_is_no_name_is_a_bad_request() {
    let long = format!("2 subscribe {}", "x".repeat(256));
    for line in ["2 subscribe ", "2 subscribe :a", "2 subscribe a*", &long] {
        assert_eq!(ann(line), "2 error: bad request", "{line:?}");
    }
}

#[test]
fn a_private_channel_wants_a_token_whatever_its_namespace_says() {
    assert_eq!(ann("2 subscribe $open:a"), DENIED);
    assert_eq!(ann("2 subscribe $lobby"), DENIED);
    assert_eq!(ann("2 subscribe $lists_open:a#ann"), DENIED);
    assert_eq!(ann("2 subscribe $open:a token=sub/$open:a/ann"), SUBSCRIBED);
}

#[test]
fn a_token_opens_what_is_closed() {
    assert_eq!(ann("2 subscribe closed:a token=sub/closed:a/ann"), SUBSCRIBED);
    assert_eq!(ann("2 subscribe lists:a#bob token=sub/lists:a#bob/ann"), SUBSCRIBED);
    assert_eq!(nobody("2 subscribe closed:a token=sub/closed:a/"), SUBSCRIBED);
}

#[test]
fn a_token_that_is_shown_must_be_good_even_where_none_is_wanted() {
    for channel in ["open:a", "closed:a", "$open:a"] {
        let with = |token| format!("2 subscribe {channel} token={token}");
        assert_eq!(ann(&with("nonsense")), DENIED);
        assert_eq!(ann(&with("expired")), "2 error: token expired");
        assert_eq!(ann(&with("user/ann")), DENIED, "a connection token is for something else");
    }
}

#[test]
fn a_token_for_another_user_channel_or_connection_closes() {
    for token in ["sub/open:a/bob", "sub/open:b/ann", "sub/open:a/", "sub/open:a/ann/client=8"] {
        let line = format!("2 subscribe open:a token={token}");
        assert_eq!(ann(&line), "close InvalidToken", "{token}");
    }
    assert_eq!(ann("2 subscribe open:a token=sub/open:a/ann/client=7"), SUBSCRIBED);
}

#[test]
fn a_channel_that_lists_its_users_is_theirs() {
    assert_eq!(ann("2 subscribe lists:a#ann"), SUBSCRIBED);
    assert_eq!(ann("2 subscribe lists:a#bob,ann"), SUBSCRIBED);
    assert_eq!(ann("2 subscribe lists:a#bob"), DENIED);
    assert_eq!(ann("2 subscribe lists:a#anna"), DENIED);
    assert_eq!(ann("2 subscribe lists:a"), DENIED, "nobody is listed");
    assert_eq!(nobody("2 subscribe lists:a#"), DENIED);
}

#[test]
fn a_list_of_users_holds_over_what_the_namespace_allows() {
    assert_eq!(ann("2 subscribe lists_open:a#bob"), DENIED);
    assert_eq!(ann("2 subscribe lists_open:a#ann"), SUBSCRIBED);
    assert_eq!(ann("2 subscribe lists_open:a"), SUBSCRIBED);
    assert_eq!(ann("2 subscribe open:a#bob"), SUBSCRIBED, "# means nothing in this namespace");
}

#[test]
fn everybody_may_have_everything_where_nothing_is_secured() {
    for channel in ["closed:a", "$closed:a", "lists:a#bob"] {
        let scene = Scene::insecure().after(&["1 connect"]);
        assert_eq!(first_of(scene, &format!("2 subscribe {channel}")), SUBSCRIBED);
    }
    let scene = Scene::insecure().after(&["1 connect"]);
    assert_eq!(first_of(scene, "2 subscribe open:a token=nonsense"), DENIED);
}

#[test]
fn bytes_are_kept_from_clients_of_text() {
    let text = || {
        let scene = Scene::with(
            Limits::default(),
            Abilities { binary: false, pong: true, ..Abilities::default() },
        );
        scene.after(&["1 connect token=user/ann"])
    };
    assert_eq!(ann("2 subscribe raw:a"), "hold raw:a");
    assert_eq!(first_of(text(), "2 subscribe raw:a"), "2 error: not available");
    assert_eq!(first_of(text(), "2 history raw:a"), "2 error: not available");
    text().check("control subscribe raw:a", &["close InappropriateProtocol"]);

    let mut scene = Scene::with(
        Limits::default(),
        Abilities { binary: false, pong: true, ..Abilities::default() },
    );
    scene.check(
        "1 connect token=user/ann/channels=raw:a",
        &["connected ann", "close InappropriateProtocol"],
    );
}

#[test]
fn joins_are_for_those_who_may_read_presence_or_for_all() {
    let listen = |line: &str| Scene::of_ann().feed(line)[1].clone();
    assert_eq!(listen("2 subscribe loud:a joins"), "listen loud:a joins");
    assert_eq!(listen("2 subscribe loud:a"), "listen loud:a");
    assert_eq!(listen("2 subscribe louder:a"), "listen louder:a joins");
    assert_eq!(listen("2 subscribe shy:a joins"), "listen shy:a");
    assert_eq!(listen("2 subscribe open:a joins"), "listen open:a", "there are none");
}
