//! The rooms endpoint: a path in, and lines of a fixed shape out.

use std::borrow::Cow;

use trunkline_core::codec::{
    Endpoint, Heartbeat, Incoming, Malformed, OpenRequest, Opening, Refusal,
};
use trunkline_core::command::{ConnectRequest, Request, SubscribeRequest};
use trunkline_core::error::CloseReason;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{Push, Reply};
use trunkline_protocol::registry::ROOMS;
use trunkline_protocol::rooms::Rooms;

use crate::transcript::{self, *};

fn open(path: &str) -> Result<Opening, Refusal> {
    assert!(Rooms.matches(path), "{path}");
    Rooms.open(&OpenRequest { path, bearer: Some("t"), ..OpenRequest::default() })
}

#[track_caller]
fn check_refusal(path: &str, message: &str) {
    let refusal = open(path).unwrap_err();
    assert_eq!((refusal.status, &*refusal.message), (400, message), "{path}");
}

#[track_caller]
fn check_said(text: &str, data: &str) {
    let said = command(0, Request::Say { data: json(data) });
    check_commands(ROOMS, Incoming::Text(text), std::slice::from_ref(&said));
    check_commands(ROOMS, Incoming::Binary(text.as_bytes()), &[said]);
}

fn heard(user: Option<&str>, data: &str) -> String {
    let said = Publication { info: user.map(info), ..publication(data, 3) };
    text(message(ROOMS, "rooms:r", &Message::Publication(said.into())))
}

#[test]
fn the_path_says_who_and_where() {
    for (path, user, channel) in [
        ("/api/v1/ws/r/1", "1", "rooms:r"),
        ("/api/v1/ws/r/-9223372036854775808", "-9223372036854775808", "rooms:r"),
        ("/api/v1/ws/r/007", "7", "rooms:r"),
        ("/api/v1/ws/a%3Ab%2Bc/%31", "1", "rooms:a:b+c"),
    ] {
        let opening = open(path).unwrap();
        assert_eq!(opening.codec, ROOMS);
        let connect = ConnectRequest {
            token: "t".into(),
            claimed_user: Some(Cow::Borrowed(user)),
            ..ConnectRequest::default()
        };
        let join = SubscribeRequest { join_leave: true, required: true, ..subscribe(channel) };
        assert_eq!(opening.requests, [Request::Connect(connect), Request::Subscribe(join)]);
    }
}

#[test]
fn a_user_that_is_no_integer_is_refused() {
    for user in ["ann", "1.5", "9223372036854775808", "1x", "%", "%3", "%zz", "0x1"] {
        check_refusal(&format!("/api/v1/ws/r/{user}"), "user_id: not an integer");
    }
}

#[test]
fn a_room_that_cannot_be_a_channel_is_refused() {
    check_refusal(
        "/api/v1/ws/a%20b/1",
        "room_id: channel name holds a character that is not allowed",
    );
    check_refusal("/api/v1/ws/%ff/1", "room_id: not UTF-8 in %XX");
    let long = format!("/api/v1/ws/{}/1", "r".repeat(250));
    check_refusal(&long, "room_id: channel name is longer than 255 bytes");
}

#[test]
fn other_paths_are_not_of_rooms() {
    for path in [
        "/api/v1/ws",
        "/api/v1/ws/",
        "/api/v1/ws/r",
        "/api/v1/ws/r/",
        "/api/v1/ws//1",
        "/api/v1/ws/r/1/2",
    ] {
        assert!(!Rooms.matches(path), "{path}");
    }
}

#[test]
fn any_text_is_said_verbatim() {
    check_said("hello", r#""hello""#);
    check_said("{\"a\":1}", r#""{\"a\":1}""#);
    check_said("two\nlines \u{2713}", "\"two\\nlines \u{2713}\"");
    check_said("", r#""""#);
    assert_eq!(read(ROOMS, Incoming::Binary(b"\xff")), Err(Malformed));
}

#[test]
fn members_hear_who_said_what() {
    assert_eq!(heard(Some("1"), r#""hi""#), r#"{"user_id":1,"room_id":"r","message":"hi"}"#);
    assert_eq!(
        heard(Some("-7"), "\"\\u00e9\\\"\\n\u{2713}\""),
        "{\"user_id\":-7,\"room_id\":\"r\",\"message\":\"\u{e9}\\\"\\n\u{2713}\"}"
    );
    assert_eq!(heard(None, r#""hi""#), r#"{"user_id":0,"room_id":"r","message":"hi"}"#);
    assert_eq!(heard(Some("ann"), r#""hi""#), r#"{"user_id":0,"room_id":"r","message":"hi"}"#);
}

#[test]
fn what_others_publish_is_shown_as_its_text() {
    assert_eq!(
        heard(Some("1"), r#"{"a": [1]}"#),
        r#"{"user_id":1,"room_id":"r","message":"{\"a\": [1]}"}"#
    );
    assert_eq!(heard(Some("1"), "12"), r#"{"user_id":1,"room_id":"r","message":"12"}"#);
}

#[test]
fn coming_and_going_is_announced_in_the_same_shape() {
    let announced = |message: &Message| text(transcript::message(ROOMS, "rooms:r", message));
    assert_eq!(
        announced(&Message::Join(info("1").into())),
        r#"{"user_id":1,"room_id":"r","message":"User 1 connected to room - r"}"#
    );
    assert_eq!(
        announced(&Message::Leave(info("1").into())),
        r#"{"user_id":1,"room_id":"r","message":"User 1 disconnected from room - r"}"#
    );
    assert_eq!(
        announced(&Message::Join(info("ann").into())),
        r#"{"user_id":0,"room_id":"r","message":"User ann connected to room - r"}"#
    );
}

#[test]
fn nothing_else_is_written() {
    assert!(reply(ROOMS, 1, &Ok(Reply::Publish)).is_empty());
    assert!(push(ROOMS, &Push::Connect(Box::new(connect_result()))).is_empty());
    assert!(message(ROOMS, "news", &Message::Publication(publication("1", 1).into())).is_empty());
    let missed = Push::Message {
        channel: channel_name("rooms:r"),
        message: Message::Publication(publication("\"hi\"", 1).into()),
        delta: false,
    };
    assert_eq!(text(push(ROOMS, &missed)), r#"{"user_id":0,"room_id":"r","message":"hi"}"#);
    assert_eq!(codec(ROOMS).heartbeat(), Heartbeat::Frame);
}

#[test]
fn it_closes_with_the_codes_every_client_knows() {
    let code = |reason| codec(ROOMS).close_code(&reason);
    assert_eq!(code(CloseReason::Normal).0, 1000);
    assert_eq!(code(CloseReason::Shutdown).0, 1001);
    assert_eq!(code(CloseReason::Internal).0, 1011);
    assert_eq!(code(CloseReason::Slow).0, 1013);
    assert_eq!(code(CloseReason::InvalidToken), (1008, "Unauthorized".into()));
    assert_eq!(code(CloseReason::PermissionDenied), (1008, "Unauthorized".into()));
    assert_eq!(code(CloseReason::Custom(4001, "bye".into())), (4001, "bye".into()));
}
