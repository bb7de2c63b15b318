//! Keys, paths, bodies and the two forms of errors.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use trunkline_core::limits::Limits;
use trunkline_telemetry::{ApiMethod, ApiOutcome};

use crate::house::{House, KEY, read, request};

#[tokio::test]
async fn a_key_opens_in_either_header() {
    let house = House::new();
    for (name, value) in [
        ("X-API-Key", KEY.to_owned()),
        ("X-API-Key", "second".to_owned()),
        ("Authorization", format!("apikey {KEY}")),
        ("Authorization", format!("ApiKey {KEY}")),
    ] {
        let request = Request::post("/api/info").header(name, value).body(Body::from("{}"));
        assert_eq!(house.send(request.unwrap()).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_key_nothing_happens() {
    let house = House::new();
    house.listen("news");
    let body = json!({"channel": "news", "data": 1}).to_string();
    for (name, value) in [
        ("X-Other", KEY.to_owned()),
        ("X-API-Key", String::new()),
        ("X-API-Key", format!("{KEY} ")),
        ("X-API-Key", "wrong".to_owned()),
        ("Authorization", format!("Bearer {KEY}")),
        ("Authorization", "apikey".to_owned()),
        ("Authorization", KEY.to_owned()),
    ] {
        let request = Request::post("/api/publish").header(name, value);
        let response = house.send(request.body(Body::from(body.clone())).unwrap()).await;
        let (status, answer) = read(response).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer["error"]["code"], 101);
    }
    assert!(house.events().is_empty());
    let counted = &house.node.metrics.node.api_requests;
    assert_eq!(counted.get(ApiMethod::Publish, ApiOutcome::Unauthorized), 7);
    assert_eq!(counted.get(ApiMethod::Publish, ApiOutcome::Ok), 0);
}

#[tokio::test]
async fn paths_that_are_no_method_are_not_found() {
    let house = House::new();
    for path in ["", "/", "/nothing", "/Publish", "/publish/", "/publish/x", "/v1/ws/r/1"] {
        let request = Request::post(format!("/api{path}")).header("X-API-Key", KEY);
        let (status, answer) = read(house.send(request.body(Body::empty()).unwrap()).await).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer["error"]["code"], 104);
    }
}

#[tokio::test]
async fn only_post_is_answered() {
    let house = House::new();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/api/info").header("X-API-Key", KEY);
        let response = house.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()["allow"], "POST");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_a_bad_request() {
    let house = House::new();
    for (body, says) in [
        (&b"{\"channel\":"[..], "line 1 column 11"),
        (b"channel=news&data=1", "not JSON"),
        (b"{\"channel\":\"news\"} {}", "trailing"),
        (b"{\"channel\":\"\xff\"}", "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"{\"data\":01}", "not JSON"),
    ] {
        let (status, answer) = house.post_raw("publish", Bytes::copy_from_slice(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert_eq!(answer["error"]["code"], 107);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let counted = &house.node.metrics.node.api_requests;
    assert_eq!(counted.get(ApiMethod::Publish, ApiOutcome::BadRequest), 6);
}

#[tokio::test]
async fn deep_nesting_is_data_like_any_other() {
    let house = House::new();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let (status, answer) =
        house.post_raw("publish", format!("{{\"channel\":\"news\",\"data\":{deep}}}")).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"result": {}})));
}

#[tokio::test]
async fn an_oversized_body_is_refused_declared_or_not() {
    let house = House::with_limits(Limits { api_body_bytes: 100, ..Limits::default() });
    let fits = format!("{{\"x\":\"{}\"}}", "x".repeat(92));
    assert_eq!(house.post_raw("info", fits.clone()).await.0, StatusCode::OK);
    let (status, answer) = house.post_raw("info", fits + " ").await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer["error"]["message"].as_str().unwrap().contains("100 bytes"));
    // Parts of unknown length, as with chunked encoding.
    let parts = futures_util::stream::iter((0..3).map(|_| Ok::<_, String>("x".repeat(50))));
    assert_eq!(
        house.post_raw("info", Body::from_stream(parts)).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let house = House::new();
    let never = futures_util::stream::pending::<Result<Bytes, String>>();
    let (status, _) = house.post_raw("info", Body::from_stream(never)).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn errors_become_statuses_when_asked_for() {
    let house = House::new();
    for (method, body, status, code) in [
        ("publish", json!({"channel": "nowhere:1", "data": 1}), 404, 102),
        ("publish", json!({"channel": "news"}), 400, 107),
        ("presence", json!({"channel": "news"}), 400, 108),
        ("history", json!({"channel": "kept:1", "since": {"offset": 0, "epoch": "x"}}), 416, 112),
    ] {
        let request = request(method).header("X-Centrifugo-Error-Mode", "transport");
        let response = house.send(request.body(Body::from(body.to_string())).unwrap()).await;
        let (answered, error) = read(response).await;
        assert_eq!((answered.as_u16(), error["code"].as_u64()), (status, Some(code)), "{error}");
        assert!(error["message"].is_string());
    }
    let request = request("info").header("X-Centrifugo-Error-Mode", "transport");
    let (status, answer) = read(house.send(request.body(Body::empty()).unwrap()).await).await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer["result"]["nodes"].is_array());
}

#[tokio::test]
async fn requests_are_counted_by_method_and_outcome() {
    let house = House::new();
    let commands: Value =
        json!([{"publish": {"channel": "news", "data": 1}}, {"presence": {"channel": "news"}}]);
    house.ask("batch", json!({"commands": commands})).await;
    let counted = &house.node.metrics.node.api_requests;
    assert_eq!(counted.get(ApiMethod::Batch, ApiOutcome::Ok), 1);
    assert_eq!(counted.get(ApiMethod::Publish, ApiOutcome::Ok), 1);
    assert_eq!(counted.get(ApiMethod::Presence, ApiOutcome::Error), 1);
}
