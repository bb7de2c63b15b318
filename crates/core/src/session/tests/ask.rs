//! Publishing, history, presence, and what has no handler.

use super::*;

fn nobody() -> Scene {
    Scene::anonymous().after(&["1 connect"])
}

#[test]
fn a_publication_is_answered_once_it_is_placed() {
    let mut scene = Scene::of_ann();
    scene.check("2 publish open:a {}", &["ask publish open:a {} by ann"]);
    scene.check("answer", &["2 published"]);
    scene.check("3 publish kept:a {}", &["ask publish kept:a {} by ann kept"]);
    scene.check("answer overloaded", &["3 error: too many requests"]);
}

#[test]
fn who_may_publish() {
    let denied = ["2 error: permission denied"];
    Scene::of_ann().check("2 publish closed:a 1", &denied);
    Scene::of_ann().check("2 publish users:a 1", &denied);
    nobody().check("2 publish open:a 1", &["ask publish open:a 1 by nobody"]);
    Scene::of_ann().check("2 publish other:a 1", &["2 error: unknown channel"]);
    Scene::of_ann().check("2 publish a* 1", &["2 error: bad request"]);
    let mut scene = Scene::insecure().after(&["1 connect"]);
    scene.check("2 publish closed:a 1", &["ask publish closed:a 1 by nobody"]);
}

#[test]
fn a_subscriber_may_do_more() {
    for (line, asked) in [
        ("5 publish users:a 1", "ask publish users:a 1 by ann kept"),
        ("5 history users:a", "ask history users:a limit 300"),
        ("5 presence users:a", "ask presence users:a"),
        ("5 presence_stats users:a", "ask presence_stats users:a"),
    ] {
        Scene::of_ann().check(line, &["5 error: permission denied"]);
        let mut scene = Scene::of_ann().after(&["2 subscribe users:a"]);
        scene.check(line, &[asked]);
        let mut scene = Scene::of_ann().after(&["control subscribe users:a", "answer e@1"]);
        scene.check(line, &[asked]);
        let mut scene = scene.after(&["6 unsubscribe users:a"]);
        scene.check("7 publish users:a 1", &["7 error: permission denied"]);
    }
    let mut anonymous = nobody().after(&["control subscribe users:a", "answer e@1"]);
    anonymous.check("5 publish users:a 1", &["5 error: permission denied"]);
}

#[test]
fn a_payload_is_json_or_the_namespace_is_binary() {
    Scene::of_ann().check("2 publish open:a raw1", &["2 error: bad request"]);
    Scene::of_ann().check("2 publish open:a ", &["2 error: bad request"]);
    Scene::of_ann().check("2 publish raw:a raw1", &["ask publish raw:a raw1 by ann kept"]);
    Scene::of_ann().check("2 publish raw:a ", &["2 error: bad request"]);
}

#[test]
fn history_reads_as_much_as_asked_and_no_more_than_a_page() {
    for (line, asked) in [
        ("2 history kept:a", "ask history kept:a limit 300"),
        ("2 history kept:a limit=0", "ask history kept:a limit 0"),
        ("2 history kept:a limit=5 reverse", "ask history kept:a limit 5 reverse"),
        ("2 history kept:a limit=301", "ask history kept:a limit 300"),
        ("2 history kept:a since=e@2", "ask history kept:a since e@2 limit 300"),
    ] {
        Scene::of_ann().check(line, &[asked]);
    }
    let mut scene = Scene::of_ann().after(&["2 history kept:a"]);
    scene.check("answer e@4 3 4", &["2 history e@4 #3 #4"]);
}

#[test]
fn history_since_a_place_in_another_stream_is_an_error() {
    let read = |since: &str| {
        Scene::of_ann().after(&[&format!("2 history kept:a since={since}")]).feed("answer e@4 3 4")
    };
    assert_eq!(read("e@2"), ["2 history e@4 #3 #4"]);
    assert_eq!(read("@2"), ["2 history e@4 #3 #4"]);
    assert_eq!(read("x@2"), ["2 error: unrecoverable position"]);
    let mut scene = Scene::of_ann().after(&["2 history kept:a since=e@2"]);
    scene.check("answer overloaded", &["2 error: too many requests"]);
}

#[test]
fn what_is_off_is_said_before_who_may() {
    Scene::of_ann().check("2 history open:a", &["2 error: not available"]);
    Scene::of_ann().check("2 history closed:a", &["2 error: not available"]);
    Scene::of_ann().check("2 presence closed:a", &["2 error: not available"]);
    Scene::of_ann().check("2 presence_stats closed:a", &["2 error: not available"]);
    Scene::of_ann().check("2 presence shy:a", &["2 error: permission denied"]);
    Scene::of_ann().check("2 presence_stats shy:a", &["2 error: permission denied"]);
    for request in ["presence", "presence_stats", "history"] {
        let line = format!("2 {request} other:a");
        Scene::of_ann().check(&line, &["2 error: unknown channel"]);
    }
}

#[test]
fn presence_is_answered() {
    let mut scene = Scene::of_ann();
    scene.check("2 presence open:a", &["ask presence open:a"]);
    scene.check("answer ann bob", &["2 presence ann bob"]);
    scene.check("3 presence_stats open:a", &["ask presence_stats open:a"]);
    scene.check("answer 3 2", &["3 presence_stats 3 2"]);
}

#[test]
fn calls_have_no_handler_and_messages_to_the_application_no_reader() {
    let mut scene = Scene::of_ann();
    scene.check("2 rpc method", &["ask rpc method"]);
    scene.check("answer rpc {}", &["2 rpc {}"]);
    scene.check("3 rpc method", &["ask rpc method"]);
    scene.check("answer error 404", &["3 error: words"]);
    scene.check("0 send 1", &[]);
    scene.check("3 send 1", &[]);
}

#[test]
fn answers_find_their_commands_in_any_order() {
    let mut scene = Scene::of_ann().after(&["2 publish open:a 1", "3 presence open:a"]);
    scene.check("last ann", &["3 presence ann"]);
    scene.check("last", &["2 published"]);
}

#[test]
fn only_so_much_may_be_asked_at_a_time() {
    let mut scene = Scene::of_ann();
    for id in 2..258 {
        assert_eq!(scene.feed(&format!("{id} publish open:a 1")).len(), 1);
    }
    for request in ["publish open:a 1", "history kept:a since=e@2", "presence open:a"] {
        let line = format!("300 {request}");
        scene.check(&line, &["300 error: too many requests"]);
    }
    scene.check("answer", &["2 published"]);
    scene.check("301 presence open:a", &["ask presence open:a"]);
    scene.check("302 presence open:a", &["302 error: too many requests"]);
}

#[test]
fn an_answer_of_another_stream_makes_room_too() {
    let mut scene = Scene::of_ann();
    for id in 2..258 {
        scene.feed(&format!("{id} history kept:a since=x@1"));
    }
    for _ in 2..258 {
        scene.feed("answer e@4");
    }
    scene.check("300 presence open:a", &["ask presence open:a"]);
}
