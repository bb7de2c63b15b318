//! Publishing, and reading back what was published.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trunkline_core::publication::{Message, Publication};
use trunkline_node::event::Event;

use crate::house::{House, MAILBOX, read, request};

/// The publications that reached the shard, with their channels.
fn heard(house: &House) -> Vec<(String, Publication)> {
    let publication = |event| match event {
        Event::Deliver { channel, message } => match &message {
            Message::Publication(publication) => (channel.to_string(), (**publication).clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    house.events().into_iter().map(publication).collect()
}

#[tokio::test]
async fn a_publication_reaches_those_who_listen() {
    let house = House::new();
    house.listen("news");
    let result = house.done("publish", json!({"channel": "news", "data": {"a": [1, "x"]}})).await;
    assert_eq!(result, json!({}), "no position in a channel without history");
    let heard = heard(&house);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].0, "news");
    assert_eq!(heard[0].1.data, r#"{"a":[1,"x"]}"#);
}

#[tokio::test]
async fn any_json_is_carried_as_it_came_but_on_one_line() {
    let house = House::new();
    house.listen("news");
    for (sent, carried) in [
        ("1.50", "1.50"),
        ("null", "null"),
        ("\"\\ud83d\\ude00 \\n\"", "\"\\ud83d\\ude00 \\n\""),
        (
            "{ \"b\" : 1,\r\n\"a\" :\n12345678901234567890123 }",
            "{ \"b\" : 1,\"a\" :12345678901234567890123 }",
        ),
    ] {
        let body = format!("{{\"channel\":\"news\",\"unheard_of\":{{}},\"data\":{sent}}}");
        house.post_raw("publish", body).await;
        assert_eq!(heard(&house)[0].1.data, carried.as_bytes());
    }
}

#[tokio::test]
async fn bytes_need_a_binary_namespace() {
    let house = House::new();
    house.listen("bytes:1");
    house.listen("news");
    let bytes = STANDARD.encode(b"\x00\xff\n");
    house.done("publish", json!({"channel": "bytes:1", "b64data": bytes})).await;
    assert_eq!(heard(&house)[0].1.data, b"\x00\xff\n"[..]);
    let (code, message) =
        house.refused("publish", json!({"channel": "news", "b64data": bytes})).await;
    assert_eq!(code, 107);
    assert!(message.contains("b64data"), "{message}");
    let json = STANDARD.encode("{\"a\":\n1}");
    house.done("publish", json!({"channel": "news", "data": null, "b64data": json})).await;
    assert_eq!(heard(&house)[0].1.data, "{\"a\":1}");
}

#[tokio::test]
async fn history_tells_positions_and_reads_back() {
    let house = House::new();
    let first = house.done("publish", json!({"channel": "kept:1", "data": 1})).await;
    assert_eq!(first["offset"], 1);
    assert_eq!(first["tag"].as_str().map(str::len), Some(16));
    let tags = json!({"kind": "a\"b", "z": ""});
    let body = json!({"channel": "kept:1", "data": 2, "tags": tags});
    let second = house.done("publish", body).await;
    let third = house.done("publish", json!({"channel": "kept:1", "data": 3})).await;

    let position = |at: &Value| json!({"publications": [], "offset": 3, "epoch": at["epoch"], "tag": at["tag"]});
    let top = house.done("history", json!({"channel": "kept:1"})).await;
    assert_eq!(top, position(&third));
    let all = house.done("history", json!({"channel": "kept:1", "limit": -1})).await;
    let publications = json!([
        {"data": 1, "offset": 1, "tag": first["tag"]},
        {"data": 2, "offset": 2, "tag": second["tag"], "tags": tags},
        {"data": 3, "offset": 3, "tag": third["tag"]},
    ]);
    assert_eq!(all["publications"], publications);
    let since = json!({"channel": "kept:1", "limit": 1, "since": first});
    assert_eq!(house.done("history", since).await["publications"][0]["offset"], 2);
    let newest = json!({"channel": "kept:1", "limit": 1, "reverse": true});
    assert_eq!(house.done("history", newest).await["publications"][0]["offset"], 3);
    let before = json!({"channel": "kept:1", "limit": 9, "since": third, "reverse": true});
    let before = house.done("history", before).await;
    let dated = json!({"channel": "kept:1", "limit": 1, "time": true});
    let dated = house.done("history", dated).await;
    assert_eq!(dated["publications"][0]["time"], house.now());
    assert_eq!(before["publications"], json!([publications[1], publications[0]]));
    for since in [
        json!({"offset": 1, "epoch": "other"}),
        json!({"offset": 1, "epoch": first["epoch"], "tag": second["tag"]}),
    ] {
        let forked = json!({"channel": "kept:1", "since": since});
        assert_eq!(house.refused("history", forked).await.0, 112);
    }

    house.done("history_remove", json!({"channel": "kept:1"})).await;
    let left = house.done("history", json!({"channel": "kept:1", "limit": 9})).await;
    assert_eq!(left, position(&third));
}

#[tokio::test]
async fn skipped_history_takes_no_place() {
    let house = House::new();
    let skip = json!({"channel": "kept:1", "data": 1, "skip_history": true});
    assert_eq!(house.done("publish", skip).await, json!({}));
    assert_eq!(house.done("history", json!({"channel": "kept:1"})).await["offset"], 0);
}

#[tokio::test]
async fn a_repeated_key_publishes_once() {
    let house = House::new();
    house.listen("kept:1");
    let body = json!({"channel": "kept:1", "data": 1, "idempotency_key": "k"});
    let first = house.done("publish", body.clone()).await;
    assert_eq!(house.done("publish", body).await, first);
    assert_eq!(heard(&house).len(), 1);
}

#[tokio::test]
async fn a_broadcast_answers_for_each_channel() {
    let house = House::new();
    house.listen("news");
    house.listen("kept:1");
    let channels = json!(["news", "nowhere:1", "kept:1", "no blanks"]);
    let result = house.done("broadcast", json!({"channels": channels, "data": {"x": 1}})).await;
    let responses = result["responses"].as_array().unwrap();
    assert!(responses[2]["result"]["tag"].is_string());
    assert_eq!(responses[0], json!({"result": {}}));
    assert_eq!(responses[1]["error"]["code"], 102);
    assert_eq!(responses[2]["result"]["offset"], 1);
    assert_eq!(responses[3]["error"]["code"], 107);
    let channels: Vec<String> = heard(&house).into_iter().map(|(channel, _)| channel).collect();
    assert_eq!(channels, ["news", "kept:1"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_named() {
    let house = House::new();
    let long = "x".repeat(129);
    let many: Value =
        (0..33).map(|n| (n.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    let too_long = "x".repeat(1024 * 1024);
    for (method, body, names) in [
        ("publish", json!({"data": 1}), "channel name is empty"),
        ("publish", json!({"channel": 5, "data": 1}), "`channel` must be a string"),
        ("publish", json!({"channel": "a b", "data": 1}), "not allowed"),
        ("publish", json!({"channel": "news"}), "`data`"),
        ("publish", json!({"channel": "news", "data": too_long}), "`data` is longer"),
        ("publish", json!({"channel": "news", "b64data": "?"}), "`b64data`"),
        ("publish", json!({"channel": "news", "data": 1, "skip_history": 1}), "`skip_history`"),
        ("publish", json!({"channel": "news", "data": 1, "tags": ["a"]}), "`tags`"),
        ("publish", json!({"channel": "news", "data": 1, "tags": {"a": 1}}), "`tags.a`"),
        (
            "publish",
            json!({"channel": "news", "data": 1, "tags": many}),
            "`tags` must be at most 32",
        ),
        (
            "publish",
            json!({"channel": "news", "data": 1, "idempotency_key": long}),
            "`idempotency_key`",
        ),
        ("publish", json!([1]), "the body"),
        ("broadcast", json!({"data": 1}), "`channels`"),
        ("broadcast", json!({"channels": ["a", 1], "data": 1}), "`channels`"),
        ("broadcast", json!({"channels": vec!["a"; 1001], "data": 1}), "at most 1000"),
        ("history", json!({"channel": "kept:1", "limit": "1"}), "`limit`"),
        ("history", json!({"channel": "kept:1", "since": {"offset": -1}}), "`since.offset`"),
        ("history", json!({"channel": "kept:1", "since": {"tag": "x"}}), "`since.tag`"),
    ] {
        let (code, message) = house.refused(method, body).await;
        assert_eq!(code, 107, "{message}");
        assert!(message.contains(names), "{message:?} does not name {names:?}");
    }
}

#[tokio::test]
async fn what_a_namespace_does_not_have_is_told() {
    let house = House::new();
    for method in ["publish", "history", "history_remove", "presence", "presence_stats"] {
        let (code, _) = house.refused(method, json!({"channel": "nowhere:1", "data": 1})).await;
        assert_eq!(code, 102, "{method}");
    }
    for method in ["history", "history_remove", "presence", "presence_stats"] {
        assert_eq!(house.refused(method, json!({"channel": "news"})).await.0, 108, "{method}");
    }
}

#[tokio::test]
async fn an_overloaded_node_says_so_and_takes_nothing() {
    let house = House::new();
    house.listen("kept:1");
    let body = json!({"channel": "kept:1", "data": 1});
    for _ in 0..MAILBOX {
        house.done("publish", body.clone()).await;
    }
    assert_eq!(house.refused("publish", body.clone()).await.0, 111);
    assert_eq!(heard(&house).len(), MAILBOX);
    assert_eq!(house.done("publish", body).await["offset"], MAILBOX + 1);
}

#[tokio::test]
async fn no_room_is_an_error_that_passes() {
    let house = House::without_room();
    let body = json!({"channel": "kept:1", "data": 1});
    let told = house.refused("publish", body.clone()).await;
    assert_eq!(told, (100, "no room to store it".to_owned()));
    let request = request("publish").header("X-Centrifugo-Error-Mode", "transport");
    let response = house.send(request.body(body.to_string().into()).unwrap()).await;
    let (status, error) = read(response).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(error, json!({"code": 100, "message": "no room to store it"}));
}

#[tokio::test]
async fn a_batch_answers_for_each_command_in_order() {
    for parallel in [false, true] {
        let house = House::new();
        let commands = json!([
            {"publish": {"channel": "kept:1", "data": 1}},
            {"publish": {"channel": "nowhere:1", "data": 1}},
            {"newer_field": null, "history": {"channel": "kept:1", "limit": 9}},
            {"batch": {"commands": []}},
            {"rpc": {}},
            {"publish": 7},
            8,
            {"info": {}},
        ]);
        let answer = house.ask("batch", json!({"commands": commands, "parallel": parallel})).await;
        let replies = answer["replies"].as_array().unwrap();
        assert_eq!(replies[0]["publish"]["offset"], 1);
        assert_eq!(replies[2]["history"]["publications"][0]["data"], 1);
        let code = |at: usize| replies[at]["error"]["code"].as_u64();
        assert_eq!([1, 3, 4, 5, 6].map(code), [102, 104, 104, 107, 107].map(Some));
        assert_eq!(replies[7]["info"]["nodes"][0]["uid"], "n1");
        assert_eq!(replies.len(), 8);
    }
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let house = House::new();
    let commands = vec![json!({"info": {}}); 1001];
    assert_eq!(house.refused("batch", json!({"commands": commands})).await.0, 107);
    assert_eq!(house.refused("batch", json!({})).await.0, 107);
}
