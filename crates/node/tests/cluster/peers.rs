//! Who is there.

use std::sync::Arc;

use trunkline_core::backend::{Backend, Sink};
use trunkline_core::limits::{HERE_EVERY_MS, PEER_SILENT_MS};
use trunkline_core::signal::{Finding, NodeId, NodeReport, Question, Recipient, Signal};
use trunkline_model_broker::{Lane, Link};
use trunkline_node::switchboard::Switchboard;

use crate::fixture::Cluster;

#[test]
fn nodes_know_each_other_as_soon_as_they_have_begun() {
    let mut cluster = Cluster::of(&["b", "a", "c"]);
    for at in 0..3 {
        assert_eq!(cluster.known_to(at), ["a", "b", "c"], "by name");
        assert_eq!(cluster.nodes[at].node.peer_count(), 2);
    }
    cluster.start("d");
    cluster.settle();
    for at in 0..4 {
        assert_eq!(cluster.known_to(at), ["a", "b", "c", "d"]);
    }
    // A greeting to everybody, and one answer by each: not a word more.
    let sent = |at: usize| cluster.nodes[at].node.metrics.node.signals_sent.get();
    assert_eq!((sent(3), sent(0)), (4, 4));
}

#[test]
fn what_a_node_says_of_itself_reaches_the_others() {
    let mut cluster = Cluster::of(&["a", "b"]);
    cluster.nodes[1].node.metrics.shard(0).connections.add(7);
    cluster.nodes[1].node.metrics.shard(0).subscriptions.add(9);
    cluster.pass(HERE_EVERY_MS + 1_000);
    let reports = cluster.nodes[0].node.nodes();
    let other = &reports[1];
    assert_eq!((other.node.as_str(), &*other.name), ("b", "node b"));
    assert_eq!((other.clients, other.subscriptions, other.uptime_s), (7, 9, 3));
    assert_eq!(reports[0].clients, 0);
}

#[test]
fn a_node_that_stops_is_gone_at_once() {
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    cluster.stop(1);
    assert_eq!(cluster.known_to(0), ["a", "c"]);
    assert_eq!(cluster.known_to(1), ["a", "c"]);
    cluster.pass(PEER_SILENT_MS);
    assert_eq!(cluster.known_to(0), ["a", "c"]);
}

#[test]
fn a_node_that_says_it_goes_says_nothing_after_that() {
    let mut cluster = Cluster::of(&["a", "b"]);
    cluster.nodes[1].node.farewell();
    cluster.pass(2 * HERE_EVERY_MS);
    cluster.start("c");
    cluster.settle();
    assert_eq!(cluster.known_to(0), ["a", "c"]);
    assert_eq!(cluster.known_to(2), ["a", "c"]);
}

#[test]
fn a_node_that_dies_is_gone_when_it_has_been_silent_for_long() {
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    cluster.kill(1);
    cluster.pass(PEER_SILENT_MS - 1_000);
    assert_eq!(cluster.known_to(0), ["a", "b", "c"]);
    cluster.pass(1_000);
    assert_eq!(cluster.known_to(0), ["a", "c"]);
}

#[test]
fn a_node_that_was_cut_off_is_found_again() {
    let mut cluster = Cluster::of(&["a", "b"]);
    let link = Link { node: cluster.nodes[1].node.id.clone(), lane: Lane::Publications };
    cluster.broker.cut(&link);
    cluster.pass(PEER_SILENT_MS + 1_000);
    assert_eq!(cluster.known_to(1), ["b"], "it hears nobody");
    assert_eq!(cluster.known_to(0), ["a", "b"], "but is heard");
    cluster.broker.heal(&link);
    cluster.pass(HERE_EVERY_MS + 1_000);
    assert_eq!(cluster.known_to(1), ["a", "b"]);
}

#[test]
fn signals_of_strangers_do_no_harm() {
    let mut cluster = Cluster::of(&["a", "b"]);
    let stranger = cluster.broker.attach(NodeId::new("stranger"), silent());
    let report = |node: &str| NodeReport {
        node: NodeId::new(node),
        name: "stranger".into(),
        version: "0".into(),
        clients: 1,
        users: 1,
        channels: 1,
        subscriptions: 1,
        uptime_s: 1,
    };
    let finding = Finding::Channels(Vec::new());
    for signal in [
        // Somebody claims to be the one who listens.
        Signal::Here(report("a")),
        Signal::Gone(NodeId::new("nobody")),
        Signal::Gone(NodeId::new("a")),
        Signal::Answer { from: NodeId::new("b"), number: 1, part: 0, last: true, finding },
        Signal::Ask {
            from: NodeId::new("a"),
            number: 1,
            question: Question::Channels { pattern: "*".into() },
        },
    ] {
        stranger.signal(&Recipient::Node(NodeId::new("a")), signal);
    }
    cluster.settle();
    assert_eq!(cluster.known_to(0), ["a", "b"]);
    assert_eq!(cluster.nodes[0].node.nodes()[0].clients, 0, "its own report is its own");
    // The same twice is the same once.
    for _ in 0..2 {
        stranger.signal(&Recipient::Everyone, Signal::Here(report("stranger")));
    }
    cluster.settle();
    assert_eq!(cluster.known_to(1), ["a", "b", "stranger"]);
}

/// A node that does not listen.
fn silent() -> Arc<dyn Sink> {
    Arc::new(Switchboard::new(Vec::new()))
}
