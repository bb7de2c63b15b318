//! Who is counted, and who hears of it.

use trunkline_core::backend::BackendError;
use trunkline_core::roster::{Roster as _, Telling};
use trunkline_rig::resp::Reply;

use super::node::{Node, answer, channel};
use super::{becomes, eventually, keys, redis};

#[test]
fn all_nodes_see_who_is_in_a_channel() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    a.enter("room", ("ann", 1), Telling::Nothing);
    b.enter("room", ("bob", 2), Telling::Nothing);
    b.enter("room", ("", 3), Telling::Nothing);
    b.enter("hall", ("two\nlines", 4), Telling::Nothing);
    for node in [&a, &b] {
        becomes(&vec!["/3".to_owned(), "ann/1".into(), "bob/2".into()], || node.members("room"));
        becomes(&vec!["two\nlines/4".to_owned()], || node.members("hall"));
        assert_eq!(node.stats("room"), (3, 3));
        assert_eq!(node.stats("nowhere"), (0, 0));
    }
    a.exit("room", ("ann", 1), Telling::Nothing);
    becomes(&vec!["/3".to_owned(), "bob/2".into()], || b.members("room"));
    b.exit("room", ("bob", 2), Telling::Nothing);
    b.exit("room", ("", 3), Telling::Nothing);
    b.exit("hall", ("two\nlines", 4), Telling::Nothing);
    for kind in ["members", "users", "of"] {
        becomes(&vec![], || keys(&redis, kind));
    }
}

#[test]
fn a_user_counts_once_however_many_connections_on_whatever_nodes() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    a.listen("room");
    a.enter("room", ("ann", 1), Telling::Users);
    becomes(&(1, 1), || a.stats("room"));
    b.enter("room", ("ann", 2), Telling::Users);
    b.enter("room", ("ann", 3), Telling::Users);
    becomes(&(3, 1), || a.stats("room"));
    a.exit("room", ("ann", 1), Telling::Users);
    b.exit("room", ("ann", 2), Telling::Users);
    becomes(&(1, 1), || a.stats("room"));
    assert_eq!(a.heard("room"), ["+ann/1"]);
    b.exit("room", ("ann", 3), Telling::Users);
    becomes(&(0, 0), || a.stats("room"));
    assert_eq!(a.heard("room"), ["+ann/1", "-ann/3"]);
}

#[test]
fn those_without_a_name_are_told_of_each_for_itself() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    b.listen("room");
    a.enter("room", ("", 1), Telling::Users);
    becomes(&(1, 1), || b.stats("room"));
    b.enter("room", ("", 2), Telling::Users);
    becomes(&(2, 1), || b.stats("room"));
    a.exit("room", ("", 1), Telling::Users);
    becomes(&(1, 1), || b.stats("room"));
    assert_eq!(b.heard("room"), ["+/1", "+/2", "-/1"]);
}

#[test]
fn each_connection_is_told_of_where_that_is_wanted_and_none_where_not() {
    let redis = redis();
    let (a, b) = (Node::start(&redis, "a"), Node::start(&redis, "b"));
    b.listen("room");
    b.listen("quiet");
    for client in [1, 2] {
        a.enter("room", ("ann", client), Telling::Connections);
        becomes(&(usize::try_from(client).unwrap(), 1), || b.stats("room"));
    }
    a.enter("quiet", ("ann", 1), Telling::Nothing);
    becomes(&(1, 1), || b.stats("quiet"));
    a.exit("room", ("ann", 2), Telling::Connections);
    a.exit("quiet", ("ann", 1), Telling::Nothing);
    becomes(&(1, 1), || b.stats("room"));
    becomes(&(0, 0), || b.stats("quiet"));
    assert_eq!(b.heard("room"), ["+ann/1", "+ann/2", "-ann/2"]);
    assert_eq!(b.heard("quiet"), Vec::<String>::new());
}

#[test]
fn who_enters_again_is_known_by_the_newer_info_and_is_no_news() {
    let redis = redis();
    let a = Node::start(&redis, "a");
    a.listen("room");
    a.enter("room", ("ann", 1), Telling::Connections);
    becomes(&(1, 1), || a.stats("room"));
    let mut newer = (*super::node::person("ann", 1)).clone();
    newer.chan_info = Some("7".into());
    let newer = std::sync::Arc::new(newer);
    a.roster.enter(&channel("room"), &newer, Telling::Connections);
    eventually("the newer info", || {
        let list = answer(|done| a.roster.members(&channel("room"), done)).unwrap();
        list == [std::sync::Arc::clone(&newer)]
    });
    assert_eq!(a.stats("room"), (1, 1));
    assert_eq!(a.heard("room"), ["+ann/1"]);
}

#[test]
fn a_node_that_leaves_takes_its_connections_with_it_at_once() {
    let redis = redis();
    let lease = std::time::Duration::from_secs(600);
    let (a, b) = (Node::with_lease(&redis, "a", lease), Node::with_lease(&redis, "b", lease));
    b.listen("room");
    for client in 1..=300 {
        a.enter("room", ("ann", client), Telling::Users);
    }
    becomes(&(300, 1), || b.stats("room"));
    a.roster.close();
    assert_eq!(b.stats("room"), (0, 0));
    a.enter("room", ("ann", 1), Telling::Users);
    assert_eq!(b.stats("room"), (0, 0));
    let heard = b.heard("room");
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(keys(&redis, "of").is_empty());
    becomes(&vec!["b~1".to_owned()], || {
        let lives = redis.command(&["ZRANGE", "t:{00}:leases:", "0", "-1"]).unwrap();
        lives.array().iter().map(Reply::text).collect()
    });
    a.roster.close();
}

#[test]
fn without_redis_questions_are_refused_and_what_happens_meanwhile_is_told_afterwards() {
    let redis = redis();
    let a = Node::start(&redis, "a");
    a.enter("room", ("ann", 1), Telling::Users);
    a.enter("room", ("bob", 2), Telling::Users);
    becomes(&(2, 2), || a.stats("room"));
    redis.kill();
    let stats = answer(|done| a.roster.stats(&channel("room"), done));
    assert_eq!(stats, Err(BackendError::Unavailable));
    let members = answer(|done| a.roster.members(&channel("room"), done));
    assert_eq!(members.unwrap_err(), BackendError::Unavailable);
    a.exit("room", ("bob", 2), Telling::Users);
    a.enter("room", ("cid", 3), Telling::Users);
    let before = a.roster.writes();
    for client in 100..1_100 {
        a.enter("room", ("dan", client), Telling::Users);
        a.exit("room", ("dan", client), Telling::Users);
    }
    redis.restart().unwrap();
    eventually("the way back", || answer(|done| a.roster.members(&channel("room"), done)).is_ok());
    becomes(&vec!["ann/1".to_owned(), "cid/3".into()], || a.members("room"));
    assert!(a.roster.writes() - before < 100, "who came and went unseen was told of");
}
