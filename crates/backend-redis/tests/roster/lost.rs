//! Redis forgets, all or some of it.

use trunkline_core::roster::Telling;

use super::node::Node;
use super::{becomes, eventually, keys, redis};

#[test]
fn what_redis_forgets_is_told_again_without_telling_anybody_who_has_heard() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    b.listen("room");
    for client in 1..=100 {
        a.enter("room", ("ann", client), Telling::Connections);
        b.enter("room", ("bob", 1_000 + client), Telling::Connections);
    }
    becomes(&(200, 2), || b.stats("room"));
    redis.command(&["FLUSHALL"]).unwrap();
    becomes(&(200, 2), || b.stats("room"));
    assert_eq!(b.heard("room").len(), 200);
    a.exit("room", ("ann", 1), Telling::Connections);
    becomes(&(199, 2), || b.stats("room"));
}

#[test]
fn a_redis_that_comes_back_empty_is_told_everything() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    for client in 1..=2_000 {
        a.enter(&format!("room{}", client % 20), ("ann", client), Telling::Users);
    }
    b.enter("room1", ("bob", 9_000), Telling::Users);
    becomes(&(101, 2), || b.stats("room1"));
    redis.restart().unwrap();
    eventually("the way back", || b.backend.trouble().is_none());
    becomes(&Some((101, 2)), || b.stats_if_any("room1"));
    for room in 2..20 {
        becomes(&Some((100, 1)), || b.stats_if_any(&format!("room{room}")));
    }
    // Their leases too: who dies now is buried.
    drop(a);
    becomes(&(1, 1), || b.stats("room1"));
    becomes(&1, || keys(&redis, "members").len());
}

#[test]
fn an_exit_that_a_failover_has_lost_is_carried_out_again() {
    let redis = redis();
    let a = Node::start(&redis, "a");
    a.listen("chat:1");
    a.enter("chat:1", ("ann", 1), Telling::Connections);
    a.enter("chat:1", ("bob", 2), Telling::Connections);
    becomes(&(2, 2), || a.stats("chat:1"));
    // What a copy may hold that had not heard of the exit yet.
    let keys = ["t:{38}:members:chat:1", "t:{38}:users:chat:1", "t:{38}:of:a~1"];
    let dumps: Vec<Vec<u8>> = keys.iter().map(|key| dump(&redis, key)).collect();
    a.exit("chat:1", ("bob", 2), Telling::Connections);
    becomes(&(1, 1), || a.stats("chat:1"));
    let heard = a.heard("chat:1");
    for (key, dump) in keys.iter().zip(&dumps) {
        let restore: [&[u8]; 5] = [b"RESTORE", key.as_bytes(), b"0", dump, b"REPLACE"];
        redis.command(&restore).unwrap();
    }
    assert_eq!(a.stats("chat:1"), (2, 2));
    redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
    becomes(&(1, 1), || a.stats("chat:1"));
    assert_eq!(a.members("chat:1"), ["ann/1"]);
    assert_eq!(heard, ["+ann/1", "+bob/2", "-bob/2"]);
    assert_eq!(a.heard("chat:1"), heard);
}

fn dump(redis: &trunkline_rig::Redis, key: &str) -> Vec<u8> {
    match redis.command(&["DUMP", key]).unwrap() {
        trunkline_rig::resp::Reply::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}
