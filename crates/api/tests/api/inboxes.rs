//! Users and their inboxes.

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::json;
use trunkline_core::control::Action;
use trunkline_node::event::Event;

use crate::house::{House, KEY, read};

impl House {
    async fn message(&self, key: &str, body: &str) -> (StatusCode, serde_json::Value) {
        let request = axum::http::Request::post("/message").header("X-API-Key", key);
        read(self.send(request.body(Body::from(body.to_owned())).unwrap()).await).await
    }
}

#[tokio::test]
async fn a_message_is_in_the_inbox_of_its_user_as_it_was_written() {
    let house = House::new();
    for (body, data) in [
        (r#"{"userId":"42","message":"hello"}"#, json!("hello")),
        (r#"{"userId":42,"message":{"a":[1, 2]}}"#, json!({"a": [1, 2]})),
        (r#"{"userId":"42","message":null}"#, json!(null)),
    ] {
        let (status, answer) = house.message(KEY, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let state = house.done("inbox_state", json!({"user": "42"})).await;
        let messages = state["messages"].as_array().unwrap();
        assert_eq!(messages.last().unwrap()["data"], data);
        assert_eq!(messages.last().unwrap()["offset"], answer["result"]["offset"]);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_is_refused() {
    let house = House::new();
    let long = json!({"userId": "x".repeat(256), "message": 1}).to_string();
    for (key, body, status) in [
        ("another key", r#"{"userId":"42","message":1}"#, StatusCode::UNAUTHORIZED),
        (KEY, r#"{"message":1}"#, StatusCode::BAD_REQUEST),
        (KEY, r#"{"userId":"","message":1}"#, StatusCode::BAD_REQUEST),
        (KEY, r#"{"userId":"42"}"#, StatusCode::BAD_REQUEST),
        (KEY, r#"{"userId":["42"],"message":1}"#, StatusCode::BAD_REQUEST),
        (KEY, r#"{"userId":1.5,"message":1}"#, StatusCode::BAD_REQUEST),
        (KEY, &long, StatusCode::BAD_REQUEST),
        (KEY, "no", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(house.message(key, body).await.0, status, "{body}");
    }
    let state = house.done("inbox_state", json!({"user": "42"})).await;
    assert_eq!(state["unread"], 0);
}

#[tokio::test]
async fn what_is_acknowledged_is_read_by_everybody() {
    let house = House::new();
    house.listen("#42");
    for n in 1..=4 {
        house.done("publish", json!({"user": "42", "data": n})).await;
        house.events();
    }
    let state = house.done("inbox_ack", json!({"user": "42", "offsets": [2]})).await;
    assert_eq!((&state["unread"], &state["acked"]), (&json!(3), &json!([2])));
    let told = house.events();
    assert_eq!(told.len(), 1, "all devices are told: {told:?}");
    let state = house.done("inbox_ack", json!({"user": "42", "upto": 3})).await;
    assert_eq!((&state["unread"], &state["floor"]), (&json!(1), &json!(3)));
    house.events();
    house.done("inbox_ack", json!({"user": "42", "upto": 3})).await;
    assert!(house.events().is_empty(), "nothing is new");
    let page = house.done("inbox_state", json!({"user": "42"})).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    let state = house.done("inbox_ack", json!({"user": "42", "all": true})).await;
    assert_eq!(state["unread"], 0);
}

#[tokio::test]
async fn unread_messages_come_oldest_first_in_pages() {
    let house = House::new();
    for n in 1..=5 {
        house.done("publish", json!({"user": "42", "data": n})).await;
    }
    let first = house.done("inbox_state", json!({"user": "42", "limit": 2})).await;
    assert_eq!((&first["messages"][0]["data"], &first["more"]), (&json!(1), &json!(true)));
    let after = &first["messages"][1]["offset"];
    let second = house.done("inbox_state", json!({"user": "42", "limit": 9, "after": after})).await;
    assert_eq!((&second["messages"][0]["data"], &second["more"]), (&json!(3), &json!(false)));
}

#[tokio::test]
async fn what_is_dropped_unread_is_counted() {
    let house = House::new();
    for n in 1..=13 {
        house.done("publish", json!({"user": "42", "data": n})).await;
    }
    let state = house.done("inbox_state", json!({"user": "42"})).await;
    assert_eq!((&state["unread"], &state["dropped"]), (&json!(10), &json!(3)));
}

#[tokio::test]
async fn what_was_never_sent_cannot_be_acknowledged() {
    let house = House::new();
    house.done("publish", json!({"user": "42", "data": 1})).await;
    for body in [
        json!({"user": "42", "upto": 2}),
        json!({"user": "42", "upto": 0}),
        json!({"user": "42", "offsets": [1, 2]}),
        json!({"user": "42", "offsets": [0]}),
        json!({"user": "42"}),
        json!({"user": "42", "upto": 1, "all": true}),
        json!({"user": "42", "upto": "1"}),
        json!({"user": "42", "upto": -1}),
        json!({"user": "42", "offsets": ["x"]}),
        json!({"user": "", "all": true}),
    ] {
        assert_eq!(house.refused("inbox_ack", body.clone()).await.0, 107, "{body}");
    }
    assert_eq!(house.done("inbox_state", json!({"user": "42"})).await["unread"], 1);
    // One who was never heard of has an empty inbox.
    assert_eq!(house.done("inbox_state", json!({"user": "nobody"})).await["unread"], 0);
}

#[tokio::test]
async fn a_message_may_be_for_one_device_or_all_others() {
    let house = House::new();
    let device = "00000000-0000-4000-8000-000000000001";
    house.done("publish", json!({"user": "42", "data": 1, "client": device})).await;
    house.done("publish", json!({"user": "42", "data": 2, "except": [device]})).await;
    let controls: Vec<_> = house
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Control(control) => control,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(controls.iter().all(|control| matches!(control.action, Action::Send { .. })));
    assert!(controls[0].target.client.is_some() && controls[1].target.except.len() == 1);
    assert_eq!(
        house.done("inbox_state", json!({"user": "42"})).await["unread"],
        0,
        "it is not kept"
    );
}
