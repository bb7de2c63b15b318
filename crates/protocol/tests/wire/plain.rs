//! Clients without an SDK: what they ask for by URL, and what they read.

use std::borrow::Cow;

use trunkline_core::codec::{
    CodecId, Endpoint, Framing, Heartbeat, Incoming, Malformed, OpenRequest, Opening, Refusal,
    Transport,
};
use trunkline_core::command::{ConnectRequest, Request, SubscribeRequest};
use trunkline_core::error::{ClientError, CloseReason, UnsubscribeReason};
use trunkline_core::gap::GapReason;
use trunkline_core::history::HistoryPage;
use trunkline_core::position::Position;
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply, SubscribeResult};
use trunkline_protocol::plain::{EventStream, PlainWebSocket};
use trunkline_protocol::registry::{EVENT_STREAM, EVENT_STREAM_OF_SEVERAL, PLAIN};

use crate::transcript::{self, *};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " trunkline");

/// A request with these parameters, `a=1&b=2`, taken as they are.
fn request<'a>(path: &'a str, query: &'a str) -> OpenRequest<'a> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(key, value)| (Cow::Borrowed(key), Cow::Borrowed(value))).collect();
    OpenRequest { path, query, ..OpenRequest::default() }
}

fn ws(query: &str) -> Result<Opening, Refusal> {
    PlainWebSocket.open(&request("/ws", query))
}

fn sse(query: &str) -> Result<Opening, Refusal> {
    EventStream.open(&request("/sse", query))
}

fn recovering(channel: &str, position: Position) -> Request<'_> {
    Request::Subscribe(SubscribeRequest { recover: Some(position), ..subscribe(channel) })
}

fn connect(token: &str) -> Request<'static> {
    let token = Cow::Owned(token.to_owned());
    Request::Connect(ConnectRequest { token, ..ConnectRequest::default() })
}

#[track_caller]
fn check_opening(opening: Result<Opening, Refusal>, codec: CodecId, requests: &[Request<'_>]) {
    let opening = opening.unwrap();
    assert_eq!(opening.codec, codec);
    assert_eq!(opening.requests, requests);
}

#[track_caller]
fn check_refusal(opening: Result<Opening, Refusal>, message: &str) {
    let refusal = opening.unwrap_err();
    assert_eq!((refusal.status, &*refusal.message), (400, message));
}

#[test]
fn channels_and_token_stand_in_the_url() {
    check_opening(ws(""), PLAIN, &[connect("")]);
    check_opening(
        ws("channels=a,,chat:1,a&token=t&join_leave=true&channels=b&what=ever&format=json"),
        PLAIN,
        &[
            connect("t"),
            Request::Subscribe(SubscribeRequest { join_leave: true, ..subscribe("a") }),
            Request::Subscribe(SubscribeRequest { join_leave: true, ..subscribe("chat:1") }),
            Request::Subscribe(SubscribeRequest { join_leave: true, ..subscribe("b") }),
        ],
    );
    let with_header = OpenRequest { bearer: Some("h"), ..request("/ws", "token=") };
    check_opening(PlainWebSocket.open(&with_header), PLAIN, &[connect("h")]);
}

#[test]
fn one_channel_can_be_come_back_to() {
    let wanted = |position| [connect(""), recovering("a", position)];
    let at = position("0f.e", 12);
    check_opening(ws("channels=a&since=0f.e.12"), PLAIN, &wanted(at.clone()));
    check_opening(sse("channels=a&since=0f.e.12"), EVENT_STREAM, &wanted(at.clone()));
    check_opening(ws("since.a=0f.e.12&channels=a&since="), PLAIN, &wanted(at.clone()));
    check_opening(sse("since.a=0f.e.12&channels=a"), EVENT_STREAM, &wanted(at));
    let proved = "since=0f.e.12~000000000000000c";
    check_opening(ws(&format!("channels=a&{proved}")), PLAIN, &wanted(place("0f.e", 12)));
    for text in ["12", "e", "e.1~", "e.1~12"] {
        let query = format!("channels=a&since={text}");
        check_refusal(ws(&query), "since: wants <epoch>.<offset>~<tag>");
    }
}

#[test]
fn each_of_several_channels_can_be_come_back_to() {
    check_opening(
        ws("channels=a,chat:1,c&since.chat:1=e.3~0000000000000003&since.a=f.4"),
        PLAIN,
        &[
            connect(""),
            recovering("a", position("f", 4)),
            recovering("chat:1", place("e", 3)),
            Request::Subscribe(subscribe("c")),
        ],
    );
    let several = "since: wants exactly one channel, or since.<channel>";
    check_refusal(ws("channels=a,b&since=e.1"), several);
    check_refusal(ws("since=e.1"), several);
    check_refusal(ws("channels=a,b&since.c=e.1"), "since: \"c\" is none of the channels");
    check_refusal(ws("channels=a,b&since.b=1"), "since: wants <epoch>.<offset>~<tag>");
    check_refusal(
        sse("channels=a,b&since.a=e.1"),
        "since: an event stream of several channels has no positions",
    );
}

#[test]
fn an_url_that_makes_no_sense_is_refused_with_the_reason() {
    check_refusal(
        ws("channels=a,b c"),
        "channel \"b c\": channel name holds a character that is not allowed",
    );
    check_refusal(ws("format=r\naw"), "unknown format \"r\\naw\"");
    check_refusal(sse(""), "no channels: add ?channels=a,b");
    check_refusal(sse("channels=,"), "no channels: add ?channels=a,b");
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("c{n}")).collect();
        format!("channels={}", names.join(","))
    };
    assert_eq!(ws(&many(128)).unwrap().requests.len(), 129);
    check_refusal(ws(&many(129)), "channels: more than 128");
    let long = format!("channels={}", "x".repeat(10_000));
    assert!(ws(&long).unwrap_err().message.len() < 200, "a refusal is one short line");
}

#[test]
fn an_event_source_comes_back_where_it_was() {
    let at = |id, query| {
        let request = OpenRequest { last_event_id: Some(id), ..request("/sse", query) };
        EventStream.open(&request).unwrap().requests.swap_remove(1)
    };
    let recovering = |position| recovering("a", position);
    assert_eq!(at("e.7", "channels=a"), recovering(position("e", 7)));
    assert_eq!(at("e.7~0000000000000007", "channels=a"), recovering(place("e", 7)));
    assert_eq!(at("e.7", "channels=a&since=e.2"), recovering(position("e", 7)), "the later one");
    assert_eq!(at("", "channels=a&since=e.2"), recovering(position("e", 2)));
    // An id of someone else matches no stream, and so the client hears that it missed something.
    assert_eq!(at("what?", "channels=a"), recovering(position("what?", 0)));
    assert_eq!(at("e.7", "channels=a,b"), Request::Subscribe(subscribe("a")), "of which channel?");
}

#[test]
fn paths_lead_where_they_should() {
    assert!(PlainWebSocket.matches("/ws") && !PlainWebSocket.matches("/ws/"));
    assert_eq!(PlainWebSocket.transport(), Transport::WebSocket);
    assert!(EventStream.matches("/sse") && !EventStream.matches("/ws"));
    assert_eq!(EventStream.transport(), Transport::EventStream);
}

#[test]
fn pushes_stand_alone() {
    let connected = Push::Connect(Box::new(connect_result()));
    assert_eq!(
        text(push(PLAIN, &connected)),
        format!(r#"{{"connect":{{"client":"{CLIENT_TEXT}","version":"{VERSION}"}}}}"#)
    );
    let plain = Push::Subscribe { channel: channel_name("a"), result: Box::default() };
    assert_eq!(text(push(PLAIN, &plain)), r#"{"channel":"a","subscribe":{}}"#);
    let result = SubscribeResult { was_recovering: true, recovered: true, ..positioned("e", 4) };
    let recovered = Push::Subscribe { channel: channel_name("a"), result: Box::new(result) };
    assert_eq!(
        text(push(PLAIN, &recovered)),
        r#"{"channel":"a","subscribe":{"recoverable":true,"epoch":"e","recovered":true,"offset":4,"tag":"0000000000000004","positioned":true,"was_recovering":true}}"#
    );
    let refused = Push::Unsubscribe {
        channel: "a".into(),
        reason: UnsubscribeReason::Refused(ClientError::PermissionDenied),
    };
    assert_eq!(
        text(push(PLAIN, &refused)),
        r#"{"channel":"a","unsubscribe":{"code":103,"reason":"permission denied"}}"#
    );
    assert_eq!(
        text(message(PLAIN, "a", &Message::Publication(publication("1", 7).into()))),
        r#"{"channel":"a","pub":{"data":1,"offset":7,"tag":"0000000000000007"}}"#
    );
    assert_eq!(
        text(message(PLAIN, "a", &Message::Publication(publication("1", 0).into()))),
        r#"{"channel":"a","pub":{"data":1}}"#,
        "no place, no tag"
    );
    assert_eq!(
        text(message(PLAIN, "a", &Message::Leave(info("ann").into()))),
        format!(
            r#"{{"channel":"a","leave":{{"info":{{"user":"ann","client":"{CLIENT_TEXT}"}}}}}}"#
        )
    );
}

#[test]
fn commands_and_replies_are_the_ordinary_ones() {
    let publish = Request::Publish { channel: "a".into(), data: json("1") };
    check_commands(
        PLAIN,
        Incoming::Text(r#"{"id":1,"publish":{"channel":"a","data":1}}"#),
        &[command(1, publish)],
    );
    assert_eq!(text(reply(PLAIN, 1, &Ok(Reply::Publish))), r#"{"id":1,"publish":{}}"#);
    assert_eq!(codec(PLAIN).heartbeat(), Heartbeat::Frame);
}

#[test]
fn a_command_may_prove_its_position() {
    let wanted = |text: &str, request| {
        check_commands(PLAIN, Incoming::Text(text), &[command(1, request)]);
    };
    wanted(
        r#"{"id":1,"subscribe":{"channel":"a","recover":true,"epoch":"e","offset":7,"tag":"0000000000000007"}}"#,
        recovering("a", place("e", 7)),
    );
    let since = Some(place("e", 7));
    wanted(
        r#"{"id":1,"history":{"channel":"a","limit":2,"since":{"epoch":"e","offset":7,"tag":"0000000000000007"}}}"#,
        Request::History { channel: "a".into(), limit: Some(2), since, reverse: false },
    );
    for text in [
        r#"{"id":1,"subscribe":{"channel":"a","recover":true,"epoch":"e","offset":7,"tag":"7"}}"#,
        r#"{"id":1,"history":{"channel":"a","since":{"epoch":"e","offset":7,"tag":"7"}}}"#,
    ] {
        wanted(text, Request::Refused(ClientError::BadRequest));
    }
}

#[test]
fn positions_are_told_with_their_tags() {
    let page = HistoryPage {
        top: place("e", 5),
        publications: vec![publication("1", 4).into(), publication("2", 5).into()],
        ..HistoryPage::default()
    };
    assert_eq!(
        text(reply(PLAIN, 6, &Ok(Reply::History(page)))),
        r#"{"id":6,"history":{"publications":[{"data":1,"offset":4,"tag":"0000000000000004"},{"data":2,"offset":5,"tag":"0000000000000005"}],"epoch":"e","offset":5,"tag":"0000000000000005"}}"#
    );
    let result = SubscribeResult {
        was_recovering: true,
        recovered: true,
        publications: vec![publication("1", 5).into()],
        ..positioned("e", 4)
    };
    assert_eq!(
        text(reply(PLAIN, 2, &Ok(Reply::Subscribe(Box::new(result))))),
        r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","publications":[{"data":1,"offset":5,"tag":"0000000000000005"}],"recovered":true,"offset":4,"tag":"0000000000000004","positioned":true,"was_recovering":true}}"#
    );
}

#[test]
fn a_gap_is_told_with_its_reason() {
    let gap =
        |position| Push::Gap { channel: channel_name("a"), reason: GapReason::Trimmed, position };
    let told = r#"{"channel":"a","gap":{"reason":"trimmed","epoch":"e","offset":7,"tag":"0000000000000007"}}"#;
    assert_eq!(text(push(PLAIN, &gap(place("e", 7)))), told);
    assert_eq!(
        text(push(EVENT_STREAM, &gap(place("e", 7)))),
        format!("id: e.7~0000000000000007\ndata: {told}\n\n"),
        "who comes back later misses it no second time"
    );
    assert_eq!(
        text(push(PLAIN, &gap(position("e", 0)))),
        r#"{"channel":"a","gap":{"reason":"trimmed","epoch":"e","offset":0}}"#
    );
    let gap = Some(GapReason::EpochChanged);
    let result = SubscribeResult { was_recovering: true, gap, ..positioned("e", 7) };
    assert_eq!(
        text(reply(PLAIN, 2, &Ok(Reply::Subscribe(Box::new(result))))),
        r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","offset":7,"tag":"0000000000000007","positioned":true,"was_recovering":true,"gap":{"reason":"epoch_changed"}}}"#
    );
    assert!(codec(PLAIN).tells_gaps() && codec(EVENT_STREAM_OF_SEVERAL).tells_gaps());
}

#[test]
fn an_event_is_complete() {
    assert_eq!(codec(EVENT_STREAM).framing(), Framing::EventStream);
    assert_eq!(codec(EVENT_STREAM).heartbeat(), Heartbeat::OneWay(b":\n\n"));
    let connected = Push::Connect(Box::new(connect_result()));
    assert_eq!(
        text(push(EVENT_STREAM, &connected)),
        format!(
            "retry: 1000\ndata: {{\"connect\":{{\"client\":\"{CLIENT_TEXT}\",\"version\":\"{VERSION}\"}}}}\n\n"
        )
    );
    let refused = Push::Unsubscribe { channel: "a".into(), reason: UnsubscribeReason::Server };
    assert_eq!(
        text(push(EVENT_STREAM, &refused)),
        "data: {\"channel\":\"a\",\"unsubscribe\":{\"code\":2000,\"reason\":\"server unsubscribe\"}}\n\n"
    );
}

#[test]
fn an_event_that_moves_the_reader_has_an_id() {
    let subscribed =
        Push::Subscribe { channel: channel_name("a"), result: Box::new(positioned("e", 4)) };
    let event = text(push(EVENT_STREAM, &subscribed));
    assert!(event.starts_with("id: e.4~0000000000000004\ndata: {\"channel\":\"a\""), "{event}");
    let result = SubscribeResult { was_recovering: true, recovered: true, ..positioned("e", 4) };
    let subscribed = Push::Subscribe { channel: channel_name("a"), result: Box::new(result) };
    let event = text(push(EVENT_STREAM, &subscribed));
    assert!(event.starts_with("data: "), "what was missed is yet to come: {event}");
    let kept = Message::Publication(publication("1", 7).into());
    assert_eq!(
        text(message(EVENT_STREAM, "a", &kept)),
        "id: e.7~0000000000000007\ndata: {\"channel\":\"a\",\"pub\":{\"data\":1,\"offset\":7,\"tag\":\"0000000000000007\"}}\n\n"
    );
    let message = kept.clone();
    let missed = Push::Message { channel: channel_name("a"), message, delta: false };
    assert!(text(push(EVENT_STREAM, &missed)).starts_with("id: e.7~0000000000000007\n"));
    for (codec, message) in [
        (EVENT_STREAM, &Message::Publication(publication("1", 0).into())),
        (EVENT_STREAM, &Message::Join(info("ann").into())),
        (EVENT_STREAM_OF_SEVERAL, &kept),
    ] {
        let event = text(transcript::message(codec, "a", message));
        assert!(event.starts_with("data: {") && event.ends_with("}\n\n"), "{event}");
    }
}

#[test]
fn a_payload_cannot_end_an_event() {
    let pretty = Message::Publication(publication("{\n\n\"a\":\r1}", 7).into());
    let event = text(message(EVENT_STREAM, "a", &pretty));
    assert_eq!(event.matches(['\n', '\r']).count(), 3, "{event:?}");
}

#[test]
fn an_event_stream_is_one_way() {
    assert_eq!(read(EVENT_STREAM, Incoming::Text("{}")), Err(Malformed));
    assert!(reply(EVENT_STREAM, 1, &Ok(Reply::Publish)).is_empty());
}

#[test]
fn an_event_stream_says_why_it_ends() {
    let mut out = Vec::new();
    codec(EVENT_STREAM).encode_farewell(&CloseReason::InvalidToken, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, "data: {\"disconnect\":{\"code\":3500,\"reason\":\"invalid token\"}}\n\n");
    let mut out = Vec::new();
    codec(PLAIN).encode_farewell(&CloseReason::InvalidToken, &mut out);
    assert!(out.is_empty(), "a WebSocket has a close frame for that");
}
