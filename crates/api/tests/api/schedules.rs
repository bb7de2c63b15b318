//! Publications that will be made at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::house::House;

impl House {
    /// Publishes what is due, and what follows from it.
    fn run_schedules(&self) {
        for _ in 0..3 {
            self.tick();
        }
    }

    async fn texts(&self, channel: &str) -> Vec<Value> {
        let page = self.done("history", json!({"channel": channel, "limit": 100})).await;
        let publications = page["publications"].as_array().unwrap().iter();
        publications.map(|publication| publication["data"].clone()).collect()
    }

    async fn listed(&self, body: Value) -> Vec<String> {
        let answer = self.done("schedule_list", body).await;
        let ids = answer["schedules"].as_array().unwrap().iter();
        ids.map(|schedule| schedule["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_is_scheduled_is_published_when_it_is_due_and_once() {
    let house = House::new();
    let answer = house
        .done(
            "schedule",
            json!({"channel": "kept:a", "data": {"n": 1}, "tags": {"a": "b"}, "delay_ms": 500, "id": "x"}),
        )
        .await;
    assert_eq!(answer, json!({"id": "x", "due": house.now() + 500, "rescheduled": false}));
    house.pass(499);
    house.run_schedules();
    assert!(house.texts("kept:a").await.is_empty(), "never early");
    assert_eq!(house.listed(json!({"channel": "kept:a"})).await, ["x"]);
    house.pass(1);
    house.run_schedules();
    assert_eq!(house.texts("kept:a").await, [json!({"n": 1})]);
    house.pass(10_000);
    house.run_schedules();
    assert_eq!(house.texts("kept:a").await.len(), 1, "never twice");
    assert!(house.listed(json!({})).await.is_empty());
}

#[tokio::test]
async fn null_is_published_as_anything_else_is() {
    let house = House::new();
    let null = [json!({"data": null}), json!({"b64data": "bnVsbA=="})];
    for (id, mut request) in ["json", "base64"].into_iter().zip(null) {
        request["channel"] = json!("kept:a");
        request["delay_ms"] = json!(100);
        request["id"] = json!(id);
        house.done("schedule", request).await;
    }
    assert_eq!(house.listed(json!({"channel": "kept:a"})).await.len(), 2);
    house.pass(100);
    house.run_schedules();
    assert_eq!(house.texts("kept:a").await, [Value::Null, Value::Null]);
    assert_eq!(house.node.metrics.node.schedules_bad.get(), 0);
}

#[tokio::test]
async fn the_same_id_reschedules_in_its_channel() {
    let house = House::new();
    let at = |ms| json!({"channel": "kept:a", "data": ms, "delay_ms": ms, "id": "x"});
    house.done("schedule", at(100)).await;
    let other = json!({"channel": "kept:b", "data": 0, "delay_ms": 100, "id": "x"});
    assert_eq!(house.done("schedule", other).await["rescheduled"], false);
    assert_eq!(house.done("schedule", at(300)).await["rescheduled"], true);
    house.pass(200);
    house.run_schedules();
    assert!(house.texts("kept:a").await.is_empty());
    house.pass(100);
    house.run_schedules();
    assert_eq!(house.texts("kept:a").await, [json!(300)]);
    let (code, message) = house.refused("schedule", at(100)).await;
    assert_eq!(code, 113, "{message}");
}

#[tokio::test]
async fn what_is_cancelled_is_not_published_and_what_was_cannot_be() {
    let house = House::new();
    for id in ["x", "y"] {
        house
            .done("schedule", json!({"channel": "kept:a", "data": id, "delay_ms": 100, "id": id}))
            .await;
    }
    let cancel = |id: &str| json!({"channel": "kept:a", "id": id});
    assert_eq!(house.done("schedule_cancel", cancel("x")).await["outcome"], "cancelled");
    assert_eq!(house.done("schedule_cancel", cancel("x")).await["outcome"], "not_found");
    house.pass(100);
    house.run_schedules();
    assert_eq!(house.texts("kept:a").await, [json!("y")]);
    assert_eq!(house.done("schedule_cancel", cancel("y")).await["outcome"], "already_fired");
    house.pass(600_000);
    house.run_schedules();
    assert_eq!(house.done("schedule_cancel", cancel("y")).await["outcome"], "not_found");
}

#[tokio::test]
async fn what_may_not_be_late_is_dropped() {
    let house = House::new();
    for (id, late) in [("strict", json!(50)), ("patient", json!(null))] {
        house
            .done(
                "schedule",
                json!({"channel": "kept:a", "data": id, "delay_ms": 100, "id": id, "late_ms": late}),
            )
            .await;
    }
    house.pass(151);
    house.run_schedules();
    assert_eq!(house.texts("kept:a").await, [json!("patient")]);
    assert_eq!(house.node.metrics.node.schedules_late.get(), 1);
    assert_eq!(house.node.metrics.node.schedules_fired.get(), 1);
}

#[tokio::test]
async fn what_comes_again_does_so_until_it_is_cancelled() {
    let house = House::new();
    let minutely = json!({"channel": "kept:a", "data": 1, "cron": "* * * * *", "id": "x"});
    let due = house.done("schedule", minutely).await["due"].as_u64().unwrap();
    assert_eq!(due % 60_000, 0);
    let fired = || house.node.metrics.node.schedules_fired.get();
    for published in 1..=3 {
        house.pass(60_000);
        house.run_schedules();
        assert_eq!(fired(), published);
    }
    // Nobody was there for ten minutes: what was missed comes once.
    house.pass(600_000);
    house.run_schedules();
    assert_eq!(fired(), 4);
    assert_eq!(house.texts("kept:a").await, [json!(1)]);
    house.done("schedule_cancel", json!({"channel": "kept:a", "id": "x"})).await;
    house.pass(60_000);
    house.run_schedules();
    assert_eq!(fired(), 4);
}

#[tokio::test]
async fn a_user_is_reminded_in_their_inbox() {
    let house = House::new();
    house.done("schedule", json!({"user": 42, "data": {"m": 1}, "delay_ms": 10})).await;
    house.pass(10);
    house.run_schedules();
    let state = house.done("inbox_state", json!({"user": "42"})).await;
    assert_eq!((&state["unread"], &state["messages"][0]["data"]), (&json!(1), &json!({"m": 1})));
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let house = House::new();
    let mut expected = Vec::new();
    for n in 0..250 {
        let id = format!("{n:03}");
        house
            .done(
                "schedule",
                json!({"channel": "kept:a", "data": 1, "delay_ms": 1_000 + n, "id": id}),
            )
            .await;
        expected.push(id);
    }
    let (mut found, mut after) = (Vec::new(), json!(""));
    while !after.is_null() {
        let page = house.done("schedule_list", json!({"limit": 70, "after": after})).await;
        let ids = page["schedules"].as_array().unwrap().iter();
        found.extend(ids.map(|schedule| schedule["id"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_longer_than_a_note_is_refused() {
    let house = House::new();
    let bytes = |length| {
        let encoded = STANDARD.encode(vec![255_u8; length]);
        json!({"channel": "bytes:a", "b64data": encoded, "delay_ms": 1})
    };
    house.done("schedule", bytes(390_000)).await;
    let (code, message) = house.refused("schedule", bytes(400_000)).await;
    assert!(code == 107 && message.contains("base64"), "{code} {message}");
}

#[tokio::test]
async fn a_list_of_nothing_is_refused_as_it_would_never_end() {
    let house = House::new();
    house.done("schedule", json!({"channel": "kept:a", "data": 1, "delay_ms": 1})).await;
    let (code, message) = house.refused("schedule_list", json!({"limit": 0})).await;
    assert!(code == 107 && message.contains("limit"), "{code} {message}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let house = House::new();
    let long = "x".repeat(129);
    for (request, word) in [
        (json!({"data": 1, "delay_ms": 1}), "channel"),
        (json!({"channel": "kept:a", "delay_ms": 1}), "data"),
        (json!({"channel": "kept:a", "data": 1}), "says when"),
        (json!({"channel": "kept:a", "data": 1, "deliver_at": 1}), "past"),
        (json!({"channel": "kept:a", "data": 1, "deliver_at": 99_999_999_999_999_u64}), "year"),
        (json!({"channel": "kept:a", "data": 1, "deliver_at": "soon"}), "deliver_at"),
        (json!({"channel": "kept:a", "data": 1, "delay_ms": 1, "deliver_at": 1}), "either"),
        (json!({"channel": "kept:a", "data": 1, "cron": "now"}), "cron"),
        (json!({"channel": "kept:a", "data": 1, "cron": "* * * * *", "zone": "Here"}), "zone"),
        (json!({"channel": "kept:a", "data": 1, "cron": "0 0 30 2 *"}), "cron"),
        (json!({"channel": "kept:a", "data": 1, "delay_ms": 1, "id": "a b"}), "id"),
        (json!({"channel": "kept:a", "data": 1, "delay_ms": 1, "id": long}), "id"),
        (json!({"channel": "kept:a", "user": "u", "data": 1, "delay_ms": 1}), "either"),
    ] {
        let (code, message) = house.refused("schedule", request.clone()).await;
        assert!(code == 107 && message.contains(word), "{request}: {code} {message}");
    }
    let (code, _) =
        house.refused("schedule", json!({"channel": "no:a", "data": 1, "delay_ms": 1})).await;
    assert_eq!(code, 102);
    assert!(house.listed(json!({})).await.is_empty());
}
