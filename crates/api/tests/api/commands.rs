//! Asking who is there, and commanding connections.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline_core::channel::ChannelName;
use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::CloseReason;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::limits::SURVEY_DEADLINE_MS;
use trunkline_core::signal::ConnectionReport;
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::event::Event;

use crate::house::House;

/// The one command that reached the shard.
fn commanded(house: &House) -> Control {
    match house.events().as_slice() {
        [Event::Control(control)] => (**control).clone(),
        other => panic!("{other:?}"),
    }
}

fn of_user(user: &str) -> Target {
    Target { user: UserId::new(user), client: None, except: Vec::new() }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

#[tokio::test]
async fn presence_lists_and_counts() {
    let house = House::new();
    let room = channel("seen:room");
    for (id, user) in [(1, "ann"), (2, "ann"), (3, "")] {
        let info = Some(bytes::Bytes::from_static(b"{\"name\":\"Ann\"}"));
        let (client, user) = (ClientId(id), UserId::new(user));
        let info = ClientInfo { user, client, conn_info: info, chan_info: None };
        house.node.enter(&room, &Arc::new(info));
    }
    let listed = house.done("presence", json!({"channel": "seen:room"})).await;
    let id = ClientId(1).to_string();
    assert_eq!(
        listed["presence"][&id],
        json!({"user": "ann", "client": id, "conn_info": {"name": "Ann"}})
    );
    assert_eq!(listed["presence"].as_object().unwrap().len(), 3);
    let counted = house.done("presence_stats", json!({"channel": "seen:room"})).await;
    assert_eq!(counted, json!({"num_clients": 3, "num_users": 2}));
    let nobody = house.done("presence", json!({"channel": "seen:empty"})).await;
    assert_eq!(nobody, json!({"presence": {}}));
}

#[tokio::test]
async fn a_disconnect_reaches_the_shards() {
    let house = House::new();
    assert_eq!(house.done("disconnect", json!({"user": "ann"})).await, json!({}));
    let action = Action::Disconnect(CloseReason::ForceDisconnect);
    assert_eq!(commanded(&house), Control { target: of_user("ann"), action });

    let (one, other) = (ClientId(1), ClientId(2));
    let body = json!({
        "user": "ann", "client": one.to_string(), "whitelist": [other.to_string()],
        "disconnect": {"code": 4001, "reason": "moved"},
    });
    house.done("disconnect", body).await;
    let target = Target { client: Some(one), except: vec![other], ..of_user("ann") };
    let action = Action::Disconnect(CloseReason::Custom(4001, "moved".into()));
    assert_eq!(commanded(&house), Control { target, action });

    house.done("disconnect", json!({"client": one.to_string()})).await;
    assert_eq!(commanded(&house).target, Target { client: Some(one), ..of_user("") });
}

#[tokio::test]
async fn subscribing_and_unsubscribing_reach_the_shards() {
    let house = House::new();
    let body = json!({"user": "ann", "channel": "news", "info": {"a": 1}, "b64data": "Ig0KIg=="});
    let (code, message) = house.refused("subscribe", body).await;
    assert_eq!(code, 107, "a string with a raw line break is not JSON: {message}");

    let body =
        json!({"user": "ann", "channel": "news", "info": {"a": 1}, "data": [2], "expire_at": 0});
    assert_eq!(house.done("subscribe", body).await, json!({}));
    let (info, data) = (Some("{\"a\":1}".into()), Some("[2]".into()));
    let action = Action::Subscribe { channel: channel("news"), info, data };
    assert_eq!(commanded(&house), Control { target: of_user("ann"), action });

    house.done("unsubscribe", json!({"user": "ann", "channel": "news"})).await;
    let action = Action::Unsubscribe { channel: channel("news") };
    assert_eq!(commanded(&house), Control { target: of_user("ann"), action });
}

#[tokio::test]
async fn a_command_that_is_not_understood_does_nothing() {
    let house = House::new();
    for (method, body, code) in [
        ("disconnect", json!({}), 107),
        ("disconnect", json!({"user": ""}), 107),
        ("disconnect", json!({"user": "x".repeat(256)}), 107),
        ("disconnect", json!({"user": "ann", "client": "ann's phone"}), 107),
        ("disconnect", json!({"user": "ann", "session": "s"}), 108),
        ("disconnect", json!({"user": "ann", "whitelist": ["x"]}), 107),
        ("disconnect", json!({"user": "ann", "disconnect": {"code": 1000}}), 107),
        ("disconnect", json!({"user": "ann", "disconnect": {"code": 70000}}), 107),
        ("disconnect", json!({"user": "ann", "disconnect": {"reason": "bye"}}), 107),
        (
            "disconnect",
            json!({"user": "ann", "disconnect": {"code": 4000, "reason": "x".repeat(124)}}),
            107,
        ),
        ("subscribe", json!({"user": "ann"}), 107),
        ("subscribe", json!({"channel": "news"}), 107),
        ("subscribe", json!({"user": "ann", "channel": "nowhere:1"}), 102),
        ("subscribe", json!({"user": "ann", "channel": "news", "expire_at": 99}), 108),
        (
            "subscribe",
            json!({"user": "ann", "channel": "news", "recover_since": {"offset": 1}}),
            108,
        ),
        ("unsubscribe", json!({"user": "ann"}), 107),
        ("refresh", json!({}), 107),
        ("refresh", json!({"user": "ann", "expire_at": -1}), 107),
        ("refresh", json!({"user": "ann", "session": "s"}), 108),
        ("refresh", json!({"user": "ann", "b64info": "Ig0KIg=="}), 107),
        ("unsubscribe", json!({"user": "ann", "channel": "nowhere:1"}), 102),
    ] {
        assert_eq!(house.refused(method, body.clone()).await.0, code, "{method} {body}");
    }
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn channels_are_asked_of_every_shard() {
    let house = House::new();
    let asking = house.done("channels", json!({"pattern": "chat:*"}));
    // The shard answers when it has been asked.
    let shard = async {
        let asked = loop {
            match house.events().pop() {
                Some(Event::Survey(survey)) => break survey,
                Some(other) => panic!("{other:?}"),
                None => tokio::task::yield_now().await,
            }
        };
        let (a, b) = (channel("chat:a"), channel("news"));
        asked.report([(&a, 2), (&b, 1)].into_iter());
    };
    let (found, ()) = tokio::join!(asking, shard);
    assert_eq!(found, json!({"channels": {"chat:a": {"num_clients": 2}}}));
}

#[tokio::test]
async fn connections_are_asked_of_every_shard() {
    let house = House::new();
    let asking = house.done("connections", json!({"user": "ann"}));
    let shard = async {
        let asked = loop {
            match house.events().pop() {
                Some(Event::Connections(survey)) => break survey,
                Some(other) => panic!("{other:?}"),
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(asked.user().as_str(), "ann");
        let channels = vec![channel("news"), channel("chat:a")];
        let (client, protocol) = (ClientId(7), "plain".into());
        asked.report([ConnectionReport { client, protocol, channels }].into_iter());
    };
    let (found, ()) = tokio::join!(asking, shard);
    let connection = json!({
        "user": "ann", "protocol": "plain", "node": "n1", "channels": ["news", "chat:a"],
    });
    assert_eq!(found, json!({"connections": {ClientId(7).to_string(): connection}}));
    assert_eq!(house.refused("connections", json!({})).await.0, 107);
}

#[tokio::test]
async fn a_refresh_reaches_the_shards() {
    let house = House::new();
    for (body, expired, expires_at, info) in [
        (json!({"user": "ann"}), false, None, None),
        (json!({"user": "ann", "expire_at": 0, "info": null}), false, None, None),
        (json!({"user": "ann", "expired": true}), true, None, None),
        (
            json!({"user": "ann", "expire_at": 99, "info": {"a": 1}}),
            false,
            Some(WallTime(99_000)),
            Some("{\"a\":1}"),
        ),
        (json!({"user": "ann", "b64info": "WzJd"}), false, None, Some("[2]")),
    ] {
        assert_eq!(house.done("refresh", body).await, json!({}));
        let info = info.map(Into::into);
        let action = Action::Refresh { expired, expires_at, info };
        assert_eq!(commanded(&house), Control { target: of_user("ann"), action });
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_never_answers_is_an_internal_error() {
    let house = House::new();
    assert_eq!(house.refused("channels", json!({})).await.0, 100);
}

#[tokio::test]
async fn a_node_that_keeps_silent_is_named() {
    let house = House::new();
    let asking = house.done("channels", json!({}));
    let time = async {
        while house.events().is_empty() {
            tokio::task::yield_now().await;
        }
        house.node.tick(Tick(SURVEY_DEADLINE_MS));
    };
    let (found, ()) = tokio::join!(asking, time);
    assert_eq!(found, json!({"channels": {}, "silent": ["n1"]}));
    assert_eq!(house.node.metrics.node.surveys_timed_out.get(), 1);
}

#[tokio::test]
async fn info_tells_of_the_node() {
    let house = House::new();
    house.node.arrive(&UserId::new("ann"), ClientId(1));
    house.listen("news");
    house.node.metrics.shard(0).connections.add(3);
    house.node.metrics.shard(0).subscriptions.add(5);
    house.node.begin(Tick(500));
    house.node.tick(Tick(3_600));
    let (_, answer) = house.post_raw("info", "").await;
    let expected: Value = json!({
        "uid": "n1", "name": "attic", "version": env!("CARGO_PKG_VERSION"), "num_clients": 3,
        "num_users": 1, "num_channels": 1, "num_subs": 5, "uptime": 3,
    });
    assert_eq!(answer, json!({"result": {"nodes": [expected]}}));
}
