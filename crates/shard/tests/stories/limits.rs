//! How many connections users and addresses may have.

use trunkline_core::limits::Limits;
use trunkline_core::time::Tick;
use trunkline_model_broker::{Broker, Mode};

use crate::support::{Client, Setup, Upgrade, eventually};

#[test]
fn one_connection_more_than_a_user_may_have_is_closed_again() {
    let limits = Limits { connections_per_user: 2, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(2) }.start();
    let mut first = node.client("ann");
    let second = node.client("ann");
    node.client("ann").expect_close(3504);
    first.expect_quiet();
    let mut others = [node.client("bob"), node.client(""), node.client("")];
    others.iter_mut().for_each(Client::expect_quiet);
    let there = node.count(|counters| counters.connections.get());
    drop(second);
    eventually("it has gone", || node.count(|counters| counters.connections.get()) < there);
    node.client("ann").expect_quiet();
}

#[test]
fn a_user_with_one_connection_keeps_the_newest_on_whichever_node() {
    let broker = Broker::new(Mode::AtOnce, 7);
    let limits = Limits { single_connection: true, ..Limits::default() };
    let [a, b] =
        ["a", "b"].map(|id| Setup { limits: limits.clone(), ..Setup::among(&broker, id) }.start());
    for node in [&a, &b] {
        node.node.begin(Tick(0));
    }
    let mut first = a.client("ann");
    let mut other = a.client("bob");
    let mut second = a.client("ann");
    first.expect_close(4501);
    let mut third = b.client("ann");
    second.expect_close(4501);
    third.expect_quiet();
    other.expect_quiet();
}

#[test]
fn an_address_with_too_many_connections_is_refused_until_one_leaves() {
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    let node = Setup { limits, ..Setup::with_shards(1) }.start();
    let (first, _second) = (node.client("ann"), node.client("bob"));
    let ask = || {
        let mut peer = node.dial();
        peer.send(Upgrade::default().head().as_bytes());
        peer.take_through("\r\n")
    };
    assert!(ask().starts_with("HTTP/1.1 429 "));
    drop(first);
    eventually("there is room", || ask().starts_with("HTTP/1.1 101 "));
}
