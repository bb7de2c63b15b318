//! Transcripts of the Centrifuge protocol in Protobuf. The bytes were made by the generated
//! classes of an SDK (PyPI centrifuge-python 0.7.0), which come from the protocol's own schema.

use trunkline_core::codec::{Framing, Heartbeat, Incoming, Malformed};
use trunkline_core::command::{Command, ConnectRequest, Payload, Request, SubscribeRequest};
use trunkline_core::error::{ClientError, UnsubscribeReason};
use trunkline_core::history::HistoryPage;
use trunkline_core::identity::ClientInfo;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{ConnectResult, Push, RefreshResult, Reply, SubscribeResult};
use trunkline_protocol::registry::CENTRIFUGE_PROTOBUF;

use crate::transcript::{self, *};

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2));
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn check(hex: &str, expected: Command<'_>) {
    check_commands(CENTRIFUGE_PROTOBUF, Incoming::Binary(&bytes(hex)), &[expected]);
}

/// The vectors were made by version 0.1.0 of this node.
#[track_caller]
fn check_bytes(actual: &[u8], expected: &str) {
    let version = hex(env!("CARGO_PKG_VERSION").as_bytes());
    assert_eq!(hex(actual), expected.replace(&hex(b"0.1.0"), &version));
}

#[track_caller]
fn check_reply(id: u32, result: &Result<Reply, ClientError>, expected: &str) {
    check_bytes(&reply(CENTRIFUGE_PROTOBUF, id, result), expected);
}

#[test]
fn every_request_is_read() {
    check(
        "310801222d0a017412027b7d1a0d0a01611208180132016538ac021a0a0a01621205320178380122026a732a05352e332e30",
        command(
            1,
            Request::Connect(ConnectRequest {
                token: "t".into(),
                claimed_user: None,
                name: "js".into(),
                version: "5.3.0".into(),
                data: b"{}".into(),
                positions: vec![("a".into(), position("e", 300))],
            }),
        ),
    );
    check(
        "1e08022a1a0a06636861743a31120273741801320265313805480150015801",
        command(
            2,
            Request::Subscribe(SubscribeRequest {
                token: "st".into(),
                recover: Some(position("e1", 5)),
                join_leave: true,
                ..subscribe("chat:1")
            }),
        ),
    );
    check("07080332030a0163", command(3, Request::Unsubscribe { channel: "c".into() }));
    check(
        "1008043a0c0a016312077b2261223a317d",
        command(4, Request::Publish { channel: "c".into(), data: json("{\"a\":1}") }),
    );
    check("07080542030a0163", command(5, Request::Presence { channel: "c".into() }));
    check("0708064a030a0163", command(6, Request::PresenceStats { channel: "c".into() }));
    check(
        "1b080752170a016338ffffffffffffffffff01420508091201654801",
        command(
            7,
            Request::History {
                channel: "c".into(),
                limit: None,
                since: Some(position("e", 9)),
                reverse: true,
            },
        ),
    );
    check("0662040a026869", command(0, Request::Send { data: b"hi".into() }));
    check(
        "0a08086a060a013112016d",
        command(8, Request::Rpc { method: "m".into(), data: b"1".into() }),
    );
    check("07080972030a0174", command(9, Request::Refresh { token: "t".into() }));
    check(
        "0a080a7a060a0163120174",
        command(10, Request::SubRefresh { channel: "c".into(), token: "t".into() }),
    );
}

#[test]
fn a_payload_is_known_for_json_only_if_it_is() {
    let publish = |bytes: &'static [u8], json| {
        let data = Payload { bytes: bytes.into(), json };
        command(4, Request::Publish { channel: "c".into(), data })
    };
    check("0b08043a070a01631202ff0a", publish(b"\xff\n", false));
    check("1408043a100a0163120b7b0a2261223a20310d0a7d", publish(b"{\"a\": 1}", true));
    check("0708043a030a0163", publish(b"", false));
}

#[test]
fn unknown_requests_and_fields_are_told_apart() {
    // A ping request, which is of an older version.
    check("04080b5a00", command(11, Request::Unsupported));
    // A subscription of another type (field 15), and one with a filter (field 13).
    check("0908012a050a01637801", command(1, Request::Refused(ClientError::PermissionDenied)));
    check("0908012a050a01636a00", command(1, Request::Refused(ClientError::BadRequest)));
    // The flag (field 14) that asks for an error instead of a fresh start.
    let reject = SubscribeRequest { reject_unrecovered: true, ..subscribe("c") };
    check("0908012a050a01637002", command(1, Request::Subscribe(reject)));
    // Field 31, which nobody has defined.
    check("0a080542030a0163f80101", command(5, Request::Presence { channel: "c".into() }));
}

#[test]
fn the_first_request_in_the_order_of_the_definition_counts() {
    let data = json("1");
    check(
        "0f080c3a060a017112013142030a0170",
        command(12, Request::Publish { channel: "q".into(), data }),
    );
}

#[test]
fn a_message_holds_any_number_of_commands() {
    check_commands(CENTRIFUGE_PROTOBUF, Incoming::Binary(b""), &[]);
    check_commands(
        CENTRIFUGE_PROTOBUF,
        Incoming::Binary(&bytes("0007080542030a01630007080972030a0174")),
        &[
            command(0, Request::Pong),
            command(5, Request::Presence { channel: "c".into() }),
            command(0, Request::Pong),
            command(9, Request::Refresh { token: "t".into() }),
        ],
    );
}

#[test]
fn what_is_no_command_is_malformed() {
    for (hex, why) in [
        ("05", "nothing follows"),
        ("08080542030a0163", "less follows than was said"),
        ("ffffffffffffffffff01", "a length beyond all memory"),
        ("ffffffffffffffffffff01", "a length of more than 64 bits"),
        ("80", "an unfinished length"),
        ("0107", "an unfinished field"),
        ("0708054203 0a01ff", "a name that is not UTF-8"),
        ("020a00", "an id of another wire type"),
    ] {
        let bytes = bytes(&hex.replace(' ', ""));
        assert_eq!(read(CENTRIFUGE_PROTOBUF, Incoming::Binary(&bytes)), Err(Malformed), "{why}");
    }
    assert_eq!(read(CENTRIFUGE_PROTOBUF, Incoming::Text("{}")), Err(Malformed), "text");
}

#[test]
fn it_carries_anything_in_binary_messages() {
    let codec = codec(CENTRIFUGE_PROTOBUF);
    assert_eq!(codec.framing(), Framing::Binary);
    assert_eq!(codec.heartbeat(), Heartbeat::Message(&[0]));
    assert!(codec.carries_binary());
}

#[test]
fn every_reply_is_written_as_its_readers_expect() {
    check_reply(
        1,
        &Err(ClientError::Internal),
        "18080112140864120e696e7465726e616c206572726f721801",
    );
    let connected = ConnectResult {
        expires_in: Some(60),
        subscriptions: vec![(channel_name("s"), positioned("e", 4))],
        ..connect_result()
    };
    check_reply(
        1,
        &Ok(Reply::Connect(Box::new(connected))),
        "5308012a4f0a2430303030303030302d303030302d303030302d303030302d303030303030303030303261120f302e312e30207472756e6b6c696e651801203c320e0a0173120918013201654804500138194001",
    );
    let subscribed = SubscribeResult {
        was_recovering: true,
        recovered: true,
        publications: vec![
            Publication { tags: vec![("k".into(), "v".into())], ..publication("1", 5) }.into(),
        ],
        data: Some("{}".into()),
        ..positioned("e", 4)
    };
    check_reply(
        2,
        &Ok(Reply::Subscribe(Box::new(subscribed))),
        "240802322018013201653a0d22013130053a060a016b1201764001480450015a027b7d6001",
    );
    check_reply(3, &Ok(Reply::Publish), "0408034200");
    check_reply(3, &Ok(Reply::Unsubscribe), "0408033a00");
    let member = ClientInfo { conn_info: Some("{\"n\":1}".into()), ..info("ann") };
    check_reply(
        4,
        &Ok(Reply::Presence(vec![member.into()])),
        "6208044a5e0a5c0a2430303030303030302d303030302d303030302d303030302d30303030303030303030326112340a03616e6e122430303030303030302d303030302d303030302d303030302d3030303030303030303032611a077b226e223a317d",
    );
    check_reply(
        5,
        &Ok(Reply::PresenceStats(PresenceStats { clients: 3, users: 2 })),
        "080805520408031002",
    );
    let page = HistoryPage {
        top: place("e", 5),
        publications: vec![publication("1", 5).into()],
        ..HistoryPage::default()
    };
    check_reply(6, &Ok(Reply::History(page)), "1008065a0c0a0522013130051201651805");
    check_reply(
        7,
        &Ok(Reply::Refresh(Box::new(RefreshResult { client: CLIENT, expires_in: Some(9) }))),
        "3f0807723b0a2430303030303030302d303030302d303030302d303030302d303030303030303030303261120f302e312e30207472756e6b6c696e6518012009",
    );
    check_reply(8, &Ok(Reply::SubRefresh(Some(9))), "0808087a0408011009");
}

#[test]
fn every_push_is_written_as_its_readers_expect() {
    let encoded = |message: &Message| transcript::message(CENTRIFUGE_PROTOBUF, "c", message);
    check_bytes(
        &encoded(&Message::Publication(full_publication().into())),
        "50224e120163224922077b2261223a317d2a340a03616e6e122430303030303030302d303030302d303030302d303030302d3030303030303030303032611a077b226e223a317d30073a060a016b120176",
    );
    let member = ClientInfo { conn_info: Some("{\"n\":1}".into()), ..info("ann") };
    check_bytes(
        &encoded(&Message::Join(member.clone().into())),
        "3d223b1201632a360a340a03616e6e122430303030303030302d303030302d303030302d303030302d3030303030303030303032611a077b226e223a317d",
    );
    check_bytes(
        &encoded(&Message::Leave(member.into())),
        "3d223b12016332360a340a03616e6e122430303030303030302d303030302d303030302d303030302d3030303030303030303032611a077b226e223a317d",
    );
    let ended =
        Push::Unsubscribe { channel: "c".into(), reason: UnsubscribeReason::InsufficientState };
    check_bytes(
        &push(CENTRIFUGE_PROTOBUF, &ended),
        "1e221c1201633a1710c4131a12696e73756666696369656e74207374617465",
    );
    let result = SubscribeResult { data: Some("{}".into()), ..positioned("e", 4) };
    let subscribed = Push::Subscribe { channel: channel_name("c"), result: Box::new(result) };
    check_bytes(
        &push(CENTRIFUGE_PROTOBUF, &subscribed),
        "1422121201634a0d0801220165280430013a027b7d",
    );
}
