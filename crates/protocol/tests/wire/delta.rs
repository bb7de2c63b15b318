//! Publications as differences, in both forms of the Centrifuge protocol.

use trunkline_core::codec::{Form, Incoming};
use trunkline_core::command::{Request, SubscribeRequest};
use trunkline_core::delta;
use trunkline_core::publication::Message;
use trunkline_core::reply::{Push, Reply, SubscribeResult};
use trunkline_protocol::registry::{CENTRIFUGE_JSON, CENTRIFUGE_PROTOBUF, PLAIN, codecs};

use crate::transcript::*;

const OLD: &str = r#"{"text":"the quick brown fox jumps over the lazy dog","n":1}"#;
const NEW: &str = r#"{"text":"the quick brown cat jumps over the lazy dog","n":2}"#;

/// `new` as text to those who know `old`, with the patch that is given for it.
fn told(new: &str, patch: Option<&[u8]>) -> String {
    let new = Message::Publication(publication(new, 7).into());
    text(formed(CENTRIFUGE_JSON, "c", &new, Form::Delta(patch)))
}

/// A payload as a whole, as a string.
fn whole(data: &str) -> String {
    let string = serde_json::to_string(data).unwrap();
    format!(r#"{{"push":{{"channel":"c","pub":{{"data":{string},"offset":7}}}}}}"#)
}

#[test]
fn an_sdk_asks_for_differences_by_their_name() {
    for (name, delta) in [("fossil", true), ("", false), ("other", false)] {
        let wanted = [command(1, Request::Subscribe(SubscribeRequest { delta, ..subscribe("c") }))];
        let message = format!(r#"{{"id":1,"subscribe":{{"channel":"c","delta":"{name}"}}}}"#);
        check_commands(CENTRIFUGE_JSON, Incoming::Text(&message), &wanted);
        let (field, length) = (name.as_bytes(), u8::try_from(name.len()).unwrap());
        let bytes =
            [&[9 + length, 8, 1, 0x2a, 5 + length, 0x0a, 1, b'c', 0x62, length], field].concat();
        check_commands(CENTRIFUGE_PROTOBUF, Incoming::Binary(&bytes), &wanted);
    }
    let carrying: Vec<bool> = codecs().iter().map(|codec| codec.carries_delta()).collect();
    assert_eq!(carrying, [true, true, true, true, false, false, false, false, false]);
}

#[test]
fn a_patch_is_a_string_and_marked() {
    let patch = delta::diff(OLD.as_bytes(), NEW.as_bytes()).unwrap();
    let string = serde_json::to_string(std::str::from_utf8(&patch).unwrap()).unwrap();
    assert_eq!(
        told(NEW, Some(&patch)),
        format!(
            r#"{{"push":{{"channel":"c","pub":{{"data":{string},"offset":7,"delta":true}}}}}}"#
        )
    );
}

#[test]
fn what_has_no_patch_is_a_string_all_the_same() {
    assert_eq!(told(NEW, None), whole(NEW));
    // What is whole is the base of the next patch: every byte of it counts.
    assert_eq!(told("{\n \"a\":\r1}", None), whole("{\n \"a\":\r1}"));
    assert_eq!(told("no JSON", None), whole("null"));
}

#[test]
fn a_patch_that_is_no_text_or_no_shorter_is_not_sent_as_text() {
    let long = "\u{43f}".repeat(100);
    assert_eq!(told(&format!("\"{long}\""), Some(b"1\n1:\xd0;")), whole(&format!("\"{long}\"")));
    // Each quote takes two bytes in a string: in the patch as well as in the payload.
    let (data, patch) = (format!("[{}]", "1,".repeat(20) + "1"), "\"".repeat(20));
    assert!(patch.len() * 2 < data.len());
    assert_eq!(told(&data, Some(patch.as_bytes())), whole(&data));
}

#[test]
fn protobuf_carries_any_patch_as_it_is() {
    let new = Message::Publication(publication(NEW, 7).into());
    let patched = |patch| formed(CENTRIFUGE_PROTOBUF, "c", &new, Form::Delta(Some(patch)));
    assert_eq!(patched(b"\xd0"), b"\x0e\x22\x0c\x12\x01c\x22\x07\x22\x01\xd0\x30\x07\x40\x01");
    let whole = formed(CENTRIFUGE_PROTOBUF, "c", &new, Form::Delta(None));
    assert_eq!(whole, message(CENTRIFUGE_PROTOBUF, "c", &new));
}

#[test]
fn a_subscription_with_differences_begins_with_what_is_whole() {
    let result = SubscribeResult {
        was_recovering: true,
        recovered: true,
        publications: vec![publication("{\"a\":1}", 5).into(), publication("2", 6).into()],
        delta: true,
        ..positioned("e", 4)
    };
    let result = Ok(Reply::Subscribe(Box::new(result)));
    assert_eq!(
        text(reply(CENTRIFUGE_JSON, 2, &result)),
        r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","publications":[{"data":"{\"a\":1}","offset":5},{"data":"2","offset":6}],"recovered":true,"offset":4,"positioned":true,"was_recovering":true,"delta":true}}"#
    );
    let bytes = reply(CENTRIFUGE_PROTOBUF, 2, &result);
    assert!(bytes.ends_with(b"\x60\x01\x68\x01"), "was_recovering, delta");
    let released = |delta| Push::Message {
        channel: channel_name("c"),
        message: Message::Publication(publication("{}", 7).into()),
        delta,
    };
    assert_eq!(text(push(CENTRIFUGE_JSON, &released(true))), whole("{}"));
    assert_ne!(text(push(CENTRIFUGE_JSON, &released(false))), whole("{}"));
}

#[test]
fn others_are_not_touched_by_differences() {
    for (codec, passage) in [
        (CENTRIFUGE_JSON, Message::Join(info("ann").into())),
        (CENTRIFUGE_PROTOBUF, Message::Leave(info("ann").into())),
        (PLAIN, Message::Publication(publication("1", 7).into())),
    ] {
        let patched = formed(codec, "c", &passage, Form::Delta(Some(b"x")));
        assert_eq!(patched, message(codec, "c", &passage));
    }
}
