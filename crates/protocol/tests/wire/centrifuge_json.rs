//! Transcripts of the Centrifuge protocol in JSON: text in and commands out, replies in and text
//! out.

use std::borrow::Cow;
use std::ops::ControlFlow;

use trunkline_core::codec::{Heartbeat, Incoming, Malformed};
use trunkline_core::command::{Command, ConnectRequest, Payload, Request, SubscribeRequest};
use trunkline_core::error::{ClientError, UnsubscribeReason};
use trunkline_core::gap::GapReason;
use trunkline_core::history::HistoryPage;
use trunkline_core::identity::ClientInfo;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{ConnectResult, Push, RefreshResult, Reply, SubscribeResult};
use trunkline_protocol::registry::{CENTRIFUGE_JSON, CENTRIFUGE_JSON_FRAME_PINGS};

use crate::transcript::*;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " trunkline");

#[track_caller]
fn check(message: &str, expected: &[Command<'_>]) {
    check_commands(CENTRIFUGE_JSON, Incoming::Text(message), expected);
}

#[track_caller]
fn check_malformed(message: &str) {
    let shown = message.get(..200).unwrap_or(message);
    assert_eq!(read(CENTRIFUGE_JSON, Incoming::Text(message)), Err(Malformed), "{shown}");
}

#[track_caller]
fn check_reply(id: u32, result: &Result<Reply, ClientError>, expected: &str) {
    assert_eq!(text(reply(CENTRIFUGE_JSON, id, result)), expected);
}

#[track_caller]
fn check_push(pushed: &Push, expected: &str) {
    assert_eq!(text(push(CENTRIFUGE_JSON, pushed)), expected);
}

#[test]
fn every_request_is_read() {
    check(
        r#"{"id":1,"connect":{"token":"t","name":"js","version":"5.8.0","headers":{"a":"b"}}}"#,
        &[command(
            1,
            Request::Connect(ConnectRequest {
                token: "t".into(),
                name: "js".into(),
                version: "5.8.0".into(),
                ..ConnectRequest::default()
            }),
        )],
    );
    check(
        r#"{"subscribe":{"channel":"chat:1","token":"st","join_leave":true,"flag":3},"id":2}"#,
        &[command(
            2,
            Request::Subscribe(SubscribeRequest {
                token: "st".into(),
                join_leave: true,
                reject_unrecovered: true,
                ..subscribe("chat:1")
            }),
        )],
    );
    check(
        r#"{"id":3,"unsubscribe":{"channel":"c"}}"#,
        &[command(3, Request::Unsubscribe { channel: "c".into() })],
    );
    check(
        r#"{"id":4,"publish":{"channel":"c","data":{"a": [1, "x"]}}}"#,
        &[command(4, Request::Publish { channel: "c".into(), data: json(r#"{"a": [1, "x"]}"#) })],
    );
    check(
        r#"{"id":5,"presence":{"channel":"c"}}"#,
        &[command(5, Request::Presence { channel: "c".into() })],
    );
    check(
        r#"{"id":6,"presence_stats":{"channel":"c"}}"#,
        &[command(6, Request::PresenceStats { channel: "c".into() })],
    );
    check(
        r#"{"id":7,"history":{"channel":"c","limit":-1,"since":{"offset":9,"epoch":"e"},"reverse":true}}"#,
        &[command(
            7,
            Request::History {
                channel: "c".into(),
                limit: None,
                since: Some(position("e", 9)),
                reverse: true,
            },
        )],
    );
    check(r#"{"send":{"data":"hi"}}"#, &[command(0, Request::Send { data: b"\"hi\"".into() })]);
    check(
        r#"{"id":8,"rpc":{"method":"m","data":1}}"#,
        &[command(8, Request::Rpc { method: "m".into(), data: b"1".into() })],
    );
    check(
        r#"{"id":9,"refresh":{"token":"t"}}"#,
        &[command(9, Request::Refresh { token: "t".into() })],
    );
    check(
        r#"{"id":10,"sub_refresh":{"channel":"c","token":"t"}}"#,
        &[command(10, Request::SubRefresh { channel: "c".into(), token: "t".into() })],
    );
}

#[test]
fn the_limit_of_a_history_says_all_none_or_some() {
    for (member, limit) in [("", Some(0)), (r#","limit":0"#, Some(0)), (r#","limit":5"#, Some(5))] {
        let request = Request::History { channel: "c".into(), limit, since: None, reverse: false };
        let message = format!(r#"{{"id":1,"history":{{"channel":"c"{member}}}}}"#);
        check(&message, &[command(1, request)]);
    }
}

#[test]
fn only_a_client_that_recovers_has_a_position() {
    check(
        r#"{"id":1,"subscribe":{"channel":"c","recover":true,"epoch":"e","offset":18446744073709551615}}"#,
        &[command(
            1,
            Request::Subscribe(SubscribeRequest {
                recover: Some(position("e", u64::MAX)),
                ..subscribe("c")
            }),
        )],
    );
    check(
        r#"{"id":1,"subscribe":{"channel":"c","recover":true}}"#,
        &[command(
            1,
            Request::Subscribe(SubscribeRequest {
                recover: Some(position("", 0)),
                ..subscribe("c")
            }),
        )],
    );
    check(
        r#"{"id":1,"subscribe":{"channel":"c","epoch":"e","offset":5}}"#,
        &[command(1, Request::Subscribe(subscribe("c")))],
    );
    check(
        r#"{"id":1,"connect":{"subs":{"a":{"recover":true,"epoch":"e","offset":3},"b":{"epoch":"x"}}}}"#,
        &[command(
            1,
            Request::Connect(ConnectRequest {
                positions: vec![("a".into(), position("e", 3))],
                ..ConnectRequest::default()
            }),
        )],
    );
}

#[test]
fn a_message_holds_any_number_of_commands() {
    let presence = |id| command(id, Request::Presence { channel: "c".into() });
    check("", &[]);
    check("\n\n", &[]);
    check("{}", &[command(0, Request::Pong)]);
    check(
        "{\"id\":1,\"presence\":{\"channel\":\"c\"}}\n\n{}\r\n{\"id\":2,\"presence\":{\"channel\":\"c\"}}\n",
        &[presence(1), command(0, Request::Pong), presence(2)],
    );
    check(" { } \n", &[command(0, Request::Pong)]);
}

#[test]
fn a_line_break_inside_a_command_does_no_harm() {
    check(
        "{\n  \"id\": 4,\n  \"publish\": {\"channel\": \"c\", \"data\": {\r\n \"a\": \"x\\ny\"\n}}\n}\n{}",
        &[
            command(4, Request::Publish { channel: "c".into(), data: json(r#"{ "a": "x\ny"}"#) }),
            command(0, Request::Pong),
        ],
    );
}

#[test]
fn nothing_is_copied_that_need_not_be() {
    let message = r#"{"id":4,"publish":{"channel":"c","data":{"a":1}}}"#;
    codec(CENTRIFUGE_JSON)
        .decode(Incoming::Text(message), &mut |command| {
            let Request::Publish { channel: Cow::Borrowed(_), data } = &command.request else {
                panic!("{command:?}");
            };
            assert!(matches!(data, Payload { bytes: Cow::Borrowed(_), json: true }));
            ControlFlow::Continue(())
        })
        .unwrap();
}

#[test]
fn the_sink_can_stop() {
    let mut seen = 0;
    let result = codec(CENTRIFUGE_JSON).decode(Incoming::Text("{}\n{}\nnot json"), &mut |_| {
        seen += 1;
        ControlFlow::Break(())
    });
    assert_eq!((result, seen), (Ok(()), 1));
}

#[test]
fn escapes_in_names_are_read_and_duplicate_requests_settled() {
    check(
        r#"{"\u0069d":5,"presence":{"channel":"ch\u0061t:\"1\""}}"#,
        &[command(5, Request::Presence { channel: "chat:\"1\"".into() })],
    );
    check(
        r#"{"id":6,"rpc":{"method":"m"},"presence":{"channel":"c"},"publish":null}"#,
        &[command(6, Request::Presence { channel: "c".into() })],
    );
}

#[test]
fn null_is_absent_except_as_a_payload() {
    check(
        r#"{"id":1,"subscribe":{"channel":"c","token":null,"recover":null,"offset":null,"tf":null}}"#,
        &[command(1, Request::Subscribe(subscribe("c")))],
    );
    check(
        r#"{"id":1,"publish":{"channel":"c","data":null}}"#,
        &[command(1, Request::Publish { channel: "c".into(), data: json("null") })],
    );
    check(
        r#"{"id":1,"publish":{"channel":"c"}}"#,
        &[command(
            1,
            Request::Publish {
                channel: "c".into(),
                data: Payload { bytes: b"".into(), json: false },
            },
        )],
    );
}

#[test]
fn what_this_node_does_not_do_is_named_so() {
    for message in [r#"{"id":1}"#, r#"{"id":1,"ping":{}}"#, r#"{"id":1,"dance":{}}"#] {
        check(message, &[command(1, Request::Unsupported)]);
    }
    for message in [
        r#"{"id":1,"subscribe":{"channel":"c","type":1}}"#,
        r#"{"id":1,"publish":{"channel":"c","type":1,"key":"k"}}"#,
        r#"{"id":1,"sub_refresh":{"channel":"c","type":1}}"#,
    ] {
        check(message, &[command(1, Request::Refused(ClientError::PermissionDenied))]);
    }
    let filtered = r#"{"id":1,"subscribe":{"channel":"c","tf":{"key":"k","cmp":"eq","val":"v"}}}"#;
    check(filtered, &[command(1, Request::Refused(ClientError::BadRequest))]);
    check(r#"{"dance":{}}"#, &[command(0, Request::Unsupported)]);
}

#[test]
fn what_is_no_command_is_malformed() {
    for message in [
        "x",
        "[]",
        "1",
        "null",
        "\"{}\"",
        "{",
        "{}{",
        "{\"id\":1,}",
        r#"{"id":4294967296,"presence":{"channel":"c"}}"#,
        r#"{"id":-1,"presence":{"channel":"c"}}"#,
        r#"{"id":1.0,"presence":{"channel":"c"}}"#,
        r#"{"id":"1","presence":{"channel":"c"}}"#,
        r#"{"id":1,"id":2,"presence":{"channel":"c"}}"#,
        r#"{"id":1,"presence":{"channel":"a","channel":"b"}}"#,
        r#"{"id":1,"presence":["c"]}"#,
        r#"{"id":1,"presence":"c"}"#,
        r#"{"id":1,"presence":{"channel":7}}"#,
        r#"{"id":1,"subscribe":{"channel":"c","recover":1}}"#,
        r#"{"id":1,"subscribe":{"channel":"c","offset":-1}}"#,
        r#"{"id":1,"history":{"channel":"c","limit":2147483648}}"#,
        r#"{"id":1,"publish":{"channel":"c","data":nul}}"#,
        r#"{"id":1,"publish":{"channel":"\ud800","data":1}}"#,
    ] {
        check_malformed(message);
    }
}

#[test]
fn commands_before_a_fault_are_handed_over() {
    let mut seen = 0;
    let result = codec(CENTRIFUGE_JSON).decode(Incoming::Text("{}\n{]"), &mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((result, seen), (Err(Malformed), 1));
}

#[test]
fn deep_nesting_is_survived() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    let publish = format!(r#"{{"id":1,"publish":{{"channel":"c","data":{deep}}}}}"#);
    check(&publish, &[command(1, Request::Publish { channel: "c".into(), data: json(&deep) })]);
    check(&format!(r#"{{"id":1,"x":{deep}}}"#), &[command(1, Request::Unsupported)]);
    check_malformed(&"{\"connect\":".repeat(500_000));
    check_malformed(&"[".repeat(500_000));
}

#[test]
fn bytes_are_taken_for_text_if_they_are() {
    check_commands(CENTRIFUGE_JSON, Incoming::Binary(b"{}"), &[command(0, Request::Pong)]);
    assert_eq!(read(CENTRIFUGE_JSON, Incoming::Binary(b"{}\xff")), Err(Malformed));
}

#[test]
fn a_foreign_epoch_is_bounded() {
    let long = "x".repeat(10_000);
    let message =
        format!(r#"{{"id":1,"subscribe":{{"channel":"c","recover":true,"epoch":"{long}"}}}}"#);
    let recover = Some(position(&long[..64], 0));
    check(
        &message,
        &[command(1, Request::Subscribe(SubscribeRequest { recover, ..subscribe("c") }))],
    );
}

#[test]
fn a_connect_reply_tells_all_there_is() {
    check_reply(
        1,
        &Ok(Reply::Connect(Box::new(connect_result()))),
        &format!(
            r#"{{"id":1,"connect":{{"client":"{CLIENT_TEXT}","version":"{VERSION}","ping":25,"pong":true}}}}"#
        ),
    );
    let result = ConnectResult {
        expires_in: Some(60),
        subscriptions: vec![
            (channel_name("#42"), positioned("e", 4)),
            (channel_name("say\"cheese"), SubscribeResult::default()),
        ],
        ping_seconds: 0,
        pong: false,
        ..connect_result()
    };
    check_reply(
        1,
        &Ok(Reply::Connect(Box::new(result))),
        &format!(
            r##"{{"id":1,"connect":{{"client":"{CLIENT_TEXT}","version":"{VERSION}","expires":true,"ttl":60,"subs":{{"#42":{{"recoverable":true,"epoch":"e","offset":4,"positioned":true}},"say\"cheese":{{}}}}}}}}"##
        ),
    );
}

#[test]
fn pings_that_are_frames_are_not_announced() {
    let frames = codec(CENTRIFUGE_JSON_FRAME_PINGS);
    assert_eq!(frames.heartbeat(), Heartbeat::Frame);
    assert_eq!(codec(CENTRIFUGE_JSON).heartbeat(), Heartbeat::Message(b"{}"));
    let connected = Ok(Reply::Connect(Box::new(connect_result())));
    assert_eq!(
        text(reply(CENTRIFUGE_JSON_FRAME_PINGS, 1, &connected)),
        format!(r#"{{"id":1,"connect":{{"client":"{CLIENT_TEXT}","version":"{VERSION}"}}}}"#)
    );
}

#[test]
fn an_empty_result_is_an_object() {
    let subscribed = Reply::Subscribe(Box::default());
    check_reply(2, &Ok(subscribed), r#"{"id":2,"subscribe":{}}"#);
    check_reply(3, &Ok(Reply::Unsubscribe), r#"{"id":3,"unsubscribe":{}}"#);
    check_reply(4, &Ok(Reply::Publish), r#"{"id":4,"publish":{}}"#);
    check_reply(5, &Ok(Reply::SubRefresh(None)), r#"{"id":5,"sub_refresh":{}}"#);
    check_reply(
        6,
        &Ok(Reply::SubRefresh(Some(9))),
        r#"{"id":6,"sub_refresh":{"expires":true,"ttl":9}}"#,
    );
}

#[test]
fn numbers_that_sdks_read_blindly_are_written_when_zero() {
    check_reply(
        1,
        &Ok(Reply::PresenceStats(PresenceStats::default())),
        r#"{"id":1,"presence_stats":{"num_clients":0,"num_users":0}}"#,
    );
    check_reply(1, &Ok(Reply::Presence(Vec::new())), r#"{"id":1,"presence":{"presence":{}}}"#);
    check_reply(
        1,
        &Ok(Reply::History(HistoryPage::default())),
        r#"{"id":1,"history":{"publications":[],"epoch":"","offset":0}}"#,
    );
    check_reply(
        1,
        &Ok(Reply::Presence(vec![info("").into()])),
        &format!(
            r#"{{"id":1,"presence":{{"presence":{{"{CLIENT_TEXT}":{{"user":"","client":"{CLIENT_TEXT}"}}}}}}}}"#
        ),
    );
}

#[test]
fn a_recovered_subscription_brings_what_was_missed() {
    let result = SubscribeResult {
        expires_in: Some(30),
        was_recovering: true,
        recovered: true,
        publications: vec![publication("1", 5).into(), publication("2", 6).into()],
        data: Some("{}".into()),
        ..positioned("e", 4)
    };
    check_reply(
        2,
        &Ok(Reply::Subscribe(Box::new(result))),
        r#"{"id":2,"subscribe":{"expires":true,"ttl":30,"recoverable":true,"epoch":"e","publications":[{"data":1,"offset":5},{"data":2,"offset":6}],"recovered":true,"offset":4,"positioned":true,"data":{},"was_recovering":true}}"#,
    );
    let fresh = SubscribeResult { was_recovering: true, ..positioned("e", 0) };
    check_reply(
        2,
        &Ok(Reply::Subscribe(Box::new(fresh))),
        r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","positioned":true,"was_recovering":true}}"#,
    );
}

#[test]
fn a_position_without_recovery_is_told_as_such() {
    let result = SubscribeResult { recoverable: false, ..positioned("e", 4) };
    check_reply(
        2,
        &Ok(Reply::Subscribe(Box::new(result))),
        r#"{"id":2,"subscribe":{"epoch":"e","offset":4,"positioned":true}}"#,
    );
}

#[test]
fn an_sdk_is_not_told_why_it_missed_something() {
    let gap = Some(GapReason::Forked);
    let result = SubscribeResult { was_recovering: true, gap, ..positioned("e", 4) };
    check_reply(
        2,
        &Ok(Reply::Subscribe(Box::new(result))),
        r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","offset":4,"positioned":true,"was_recovering":true}}"#,
    );
    let (channel, position) = (channel_name("c"), place("e", 4));
    check_push(&Push::Gap { channel, reason: GapReason::Overflow, position }, "");
    assert!(!codec(CENTRIFUGE_JSON).tells_gaps());
}

#[test]
fn history_and_refresh_are_written_whole() {
    let page = HistoryPage {
        top: place("e", 5),
        publications: vec![publication("[1]", 5).into()],
        ..HistoryPage::default()
    };
    check_reply(
        6,
        &Ok(Reply::History(page)),
        r#"{"id":6,"history":{"publications":[{"data":[1],"offset":5}],"epoch":"e","offset":5}}"#,
    );
    let refreshed = RefreshResult { client: CLIENT, expires_in: Some(9) };
    check_reply(
        7,
        &Ok(Reply::Refresh(Box::new(refreshed))),
        &format!(
            r#"{{"id":7,"refresh":{{"client":"{CLIENT_TEXT}","version":"{VERSION}","expires":true,"ttl":9}}}}"#
        ),
    );
}

#[test]
fn an_error_says_whether_to_try_again() {
    check_reply(
        3,
        &Err(ClientError::Internal),
        r#"{"id":3,"error":{"code":100,"message":"internal error","temporary":true}}"#,
    );
    check_reply(
        3,
        &Err(ClientError::StorageFull),
        r#"{"id":3,"error":{"code":100,"message":"no room to store it","temporary":true}}"#,
    );
    check_reply(
        3,
        &Err(ClientError::PermissionDenied),
        r#"{"id":3,"error":{"code":103,"message":"permission denied"}}"#,
    );
}

#[test]
fn the_plain_case_is_minimal() {
    let plain = Message::Publication(publication("{\"x\":1}", 0).into());
    assert_eq!(
        text(message(CENTRIFUGE_JSON, "c", &plain)),
        r#"{"push":{"channel":"c","pub":{"data":{"x":1}}}}"#
    );
}

#[test]
fn a_push_carries_what_there_is() {
    assert_eq!(
        text(message(CENTRIFUGE_JSON, "c", &Message::Publication(full_publication().into()))),
        format!(
            r#"{{"push":{{"channel":"c","pub":{{"data":{{"a":1}},"info":{{"user":"ann","client":"{CLIENT_TEXT}","conn_info":{{"n":1}}}},"offset":7,"tags":{{"k":"v"}}}}}}}}"#
        )
    );
    for (passage, name) in
        [(Message::Join(info("").into()), "join"), (Message::Leave(info("").into()), "leave")]
    {
        assert_eq!(
            text(message(CENTRIFUGE_JSON, "c", &passage)),
            format!(
                r#"{{"push":{{"channel":"c","{name}":{{"info":{{"user":"","client":"{CLIENT_TEXT}"}}}}}}}}"#
            )
        );
    }
    check_push(
        &Push::Unsubscribe {
            channel: "odd \"name\"\n".into(),
            reason: UnsubscribeReason::InsufficientState,
        },
        r#"{"push":{"channel":"odd \"name\"\n","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#,
    );
    check_push(
        &Push::Subscribe { channel: channel_name("c"), result: Box::new(positioned("e", 4)) },
        r#"{"push":{"channel":"c","subscribe":{"recoverable":true,"epoch":"e","offset":4,"positioned":true}}}"#,
    );
    check_push(
        &Push::Message {
            channel: channel_name("c"),
            message: Message::Publication(publication("1", 2).into()),
            delta: false,
        },
        r#"{"push":{"channel":"c","pub":{"data":1,"offset":2}}}"#,
    );
}

#[test]
fn a_payload_cannot_break_the_message_around_it() {
    let pretty = Message::Publication(publication("{\r\n\"a\": 1\n}", 0).into());
    assert_eq!(
        text(message(CENTRIFUGE_JSON, "c", &pretty)),
        r#"{"push":{"channel":"c","pub":{"data":{"a": 1}}}}"#
    );
    let info = ClientInfo {
        conn_info: Some(b"\xff\xfe".as_slice().into()),
        chan_info: Some("}}".into()),
        ..info("ann")
    };
    let broken = Publication { info: Some(info), ..publication("", 0) };
    assert_eq!(
        text(message(CENTRIFUGE_JSON, "c", &Message::Publication(broken.into()))),
        format!(
            r#"{{"push":{{"channel":"c","pub":{{"data":null,"info":{{"user":"ann","client":"{CLIENT_TEXT}","conn_info":null,"chan_info":null}}}}}}}}"#
        )
    );
}
