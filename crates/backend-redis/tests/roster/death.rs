//! Nodes that die, that seem dead, and that die while they bury others.

use std::thread;
use std::time::{Duration, Instant};

use trunkline_core::roster::Telling;
use trunkline_rig::resp::Reply;

use super::node::Node;
use super::{becomes, eventually, keys, redis};

#[test]
fn a_dead_node_takes_its_connections_with_it_and_everybody_hears_of_it() {
    let redis = redis();
    // Two of them are judged, which has to be long enough for a busy machine.
    let lease = Duration::from_secs(6);
    let start = |name| Node::with_lease(&redis, name, lease);
    let (a, b) = (start("a"), start("b"));
    b.listen("room");
    b.listen("users");
    for client in 1..=250 {
        a.enter("room", ("ann", client), Telling::Connections);
    }
    b.enter("room", ("bob", 1_000), Telling::Connections);
    a.enter("users", ("ann", 1), Telling::Users);
    a.enter("users", ("cid", 2), Telling::Users);
    b.enter("users", ("ann", 1_001), Telling::Users);
    becomes(&(251, 2), || b.stats("room"));
    becomes(&(3, 2), || b.stats("users"));
    let died = Instant::now();
    drop(a);
    becomes(&(1, 1), || b.stats("room"));
    assert!(died.elapsed() < 2 * lease, "{:?}", died.elapsed());
    becomes(&vec!["ann/1001".to_owned()], || b.members("users"));
    assert_eq!(b.stats("users"), (1, 1));
    let heard = b.heard("room");
    assert_eq!(heard.iter().filter(|line| line.starts_with("-ann/")).count(), 250);
    assert!(!heard.contains(&"-bob/1000".to_owned()));
    let heard = b.heard("users");
    let leaves: Vec<&String> = heard.iter().filter(|line| line.starts_with('-')).collect();
    assert_eq!(leaves, ["-cid/2"]);
}

#[test]
fn what_a_janitor_leaves_undone_another_one_finishes() {
    let redis = redis();
    let a = Node::start(&redis, "a");
    for client in 1..=500 {
        a.enter("room", ("ann", client), Telling::Nothing);
        a.enter(&format!("room{client}"), ("ann", client), Telling::Nothing);
    }
    becomes(&(500, 1), || a.stats("room"));
    eventually("all channels", || keys(&redis, "members").len() == 501);
    drop(a);
    // As one leaves it that died with its first partitions swept.
    let lease = redis.command(&["ZREM", "t:{00}:leases:", "a~1"]).unwrap();
    assert_eq!(lease.integer(), Some(1));
    let now: u64 = redis.command(&["TIME"]).unwrap().array()[0].text().parse().unwrap();
    let until = (now * 1_000 + 500).to_string();
    redis.command(&["ZADD", "t:{00}:dead:", &until, "a~1"]).unwrap();
    let swept = redis.command(&["SMEMBERS", "t:{38}:of:a~1"]).unwrap();
    redis.command(&["DEL", "t:{38}:of:a~1"]).unwrap();
    for entry in swept.array() {
        let entry = entry.text();
        let (client, channel) = entry.split_once(' ').unwrap();
        redis.command(&["HDEL", &format!("t:{{38}}:members:{channel}"), client]).unwrap();
        redis.command(&["DEL", &format!("t:{{38}}:users:{channel}")]).unwrap();
    }
    let b = Node::start(&redis, "b");
    for kind in ["members", "users", "of"] {
        becomes(&vec![], || keys(&redis, kind));
    }
    assert_eq!(b.stats("room"), (0, 0));
    eventually("the end of it", || {
        let score = redis.command(&["ZSCORE", "t:{00}:dead:", "a~1"]).unwrap();
        score.text().starts_with('-')
    });
}

#[test]
fn a_node_that_dies_while_it_buries_another_is_buried_with_it() {
    let redis = redis();
    let a = Node::start(&redis, "a");
    let (b, c) = (Node::start(&redis, "b"), Node::start(&redis, "c"));
    for client in 1..=5_000 {
        a.enter(&format!("room{}", client % 50), ("ann", client), Telling::Nothing);
    }
    b.enter("room1", ("bob", 9_001), Telling::Nothing);
    c.enter("room1", ("cid", 9_002), Telling::Nothing);
    becomes(&(102, 3), || c.stats("room1"));
    eventually("everybody", || (0..50).all(|room| c.stats(&format!("room{room}")).0 >= 100));
    drop(a);
    eventually("the beginning of it", || {
        (0..50).any(|room| c.stats(&format!("room{room}")).0 < 100)
    });
    drop(b);
    becomes(&vec!["cid/9002".to_owned()], || c.members("room1"));
    becomes(&1, || keys(&redis, "members").len());
    becomes(&1, || keys(&redis, "users").len());
    becomes(&1, || keys(&redis, "of").len());
}

#[test]
fn a_node_that_was_taken_for_dead_loses_nobody() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    b.listen("room");
    for client in 1..=300 {
        a.enter("room", ("ann", client), Telling::Connections);
    }
    becomes(&(300, 1), || b.stats("room"));
    // As if it had slept: its lease has run out, and what it had said is taken back.
    let ended = redis.command(&["ZREM", "t:{00}:leases:", "a~1"]).unwrap();
    assert_eq!(ended.integer(), Some(1));
    redis.command(&["ZADD", "t:{00}:dead:", "0", "a~1"]).unwrap();
    eventually("another life", || {
        redis.command(&["ZSCORE", "t:{00}:leases:", "a~2"]).unwrap().integer().is_some()
    });
    becomes(&0, || keys(&redis, "of").iter().filter(|key| key.ends_with("a~1")).count());
    becomes(&(300, 1), || b.stats("room"));
    // Who was told to have left was told to have come back.
    let heard = b.heard("room");
    for client in 1..=300 {
        let told =
            |sign| heard.iter().filter(|line| **line == format!("{sign}ann/{client}")).count();
        assert_eq!(told('+') - told('-'), 1, "{client}");
    }
    a.exit("room", ("ann", 1), Telling::Connections);
    becomes(&(299, 1), || b.stats("room"));
    drop(a);
    becomes(&(0, 0), || b.stats("room"));
}

#[test]
fn what_another_node_has_entered_since_is_not_taken_back() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    a.enter("room", ("ann", 1), Telling::Users);
    a.enter("room", ("cid", 2), Telling::Users);
    becomes(&(2, 2), || b.stats("room"));
    let of = keys(&redis, "of").remove(0);
    let entered = || redis.command(&["SMEMBERS", &of]).unwrap();
    let ann = entered().array().iter().map(Reply::text).find(|e| e.contains("1 room"));
    b.enter("room", ("ann", 1), Telling::Users);
    becomes(&1, || entered().array().len());
    a.exit("room", ("ann", 1), Telling::Users);
    // Were it still there it would be passed over.
    redis.command(&["SADD", &of, &ann.unwrap()]).unwrap();
    drop(a);
    becomes(&vec!["ann/1".to_owned()], || b.members("room"));
    becomes(&1, || keys(&redis, "of").len());
    assert_eq!(b.stats("room"), (1, 1));
}

#[test]
fn nobody_is_taken_for_dead_because_redis_was_away() {
    let redis = trunkline_rig::Redis::start(&trunkline_rig::RedisOptions {
        append_only: Some(trunkline_rig::Fsync::Always),
        ..Default::default()
    })
    .unwrap();
    // Several times the 2 s that may pass between two attempts to reach Redis: who was not there yet
    // when it came back has to have come before its lease runs out.
    let lease = Duration::from_secs(8);
    let start = |name| Node::with_lease(&redis, name, lease);
    let (a, b) = (start("a"), start("b"));
    b.listen("room");
    a.enter("room", ("ann", 1), Telling::Connections);
    b.enter("room", ("bob", 2), Telling::Connections);
    becomes(&(2, 2), || b.stats("room"));
    redis.kill();
    thread::sleep(lease + Duration::from_millis(500));
    redis.restart().unwrap();
    eventually("both to be heard of again", || {
        let now: u64 = redis.command(&["TIME"]).unwrap().array()[0].text().parse().unwrap();
        ["a~1", "b~1"].iter().all(|life| {
            let until = redis.command(&["ZSCORE", "t:{00}:leases:", *life]).unwrap();
            until.integer().is_some_and(|until| until > i64::try_from(now).unwrap() * 1_000)
        })
    });
    // For several rounds of the janitors.
    thread::sleep(lease);
    assert_eq!(redis.command(&["ZCARD", "t:{00}:dead:"]).unwrap().integer(), Some(0));
    assert_eq!(b.stats("room"), (2, 2));
}
