//! Users who leave a channel and come back to it, to the same node or to another one.

use crate::fixture::{Cluster, DEBOUNCE_MS, channel, info};

/// Two nodes; the second one's shard hears who comes and goes in `held:room` and `told:room`.
fn two() -> Cluster {
    let mut cluster = Cluster::of(&["a", "b"]);
    for name in ["held:room", "told:room"] {
        cluster.nodes[1].node.listen(0, &channel(name));
    }
    cluster.settle();
    cluster
}

fn enter(cluster: &mut Cluster, at: usize, name: &str, client: u128, user: &str) {
    cluster.nodes[at].node.enter(&channel(name), &info(client, user));
    cluster.settle();
}

fn exit(cluster: &mut Cluster, at: usize, name: &str, client: u128, user: &str) {
    cluster.nodes[at].node.exit(&channel(name), &info(client, user));
    cluster.settle();
}

const NOTHING: [&str; 0] = [];

#[test]
fn nobody_hears_of_a_user_who_is_back_in_time() {
    for back in [0, 1] {
        let mut cluster = two();
        enter(&mut cluster, 0, "held:room", 1, "ann");
        assert_eq!(cluster.nodes[1].news(), ["ann joins"]);
        exit(&mut cluster, 0, "held:room", 1, "ann");
        cluster.pass(DEBOUNCE_MS - 1_000);
        assert_eq!(cluster.members(1, "held:room"), [1], "presence has not noticed either");
        enter(&mut cluster, back, "held:room", 2, "ann");
        cluster.pass(DEBOUNCE_MS);
        assert_eq!(cluster.nodes[1].news(), NOTHING, "back on node {back}");
        assert_eq!(cluster.members(1, "held:room"), [2]);
        exit(&mut cluster, back, "held:room", 2, "ann");
        cluster.pass(DEBOUNCE_MS);
        assert_eq!(cluster.nodes[1].news(), ["ann leaves"]);
        assert_eq!(cluster.members(1, "held:room"), [0; 0]);
    }
}

#[test]
fn a_return_to_the_same_node_ends_the_exit_at_once() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "ann");
    exit(&mut cluster, 0, "held:room", 1, "ann");
    enter(&mut cluster, 0, "held:room", 2, "ann");
    assert_eq!(cluster.members(0, "held:room"), [2]);
    assert_eq!(cluster.nodes[0].node.exits_held(), 0);
}

#[test]
fn a_connection_that_subscribes_again_stays() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "ann");
    for _ in 0..3 {
        exit(&mut cluster, 0, "held:room", 1, "ann");
        enter(&mut cluster, 0, "held:room", 1, "ann");
    }
    cluster.pass(2 * DEBOUNCE_MS);
    assert_eq!(cluster.nodes[1].news(), ["ann joins"]);
    assert_eq!(cluster.members(1, "held:room"), [1]);
}

#[test]
fn a_user_who_does_not_come_back_has_left() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "ann");
    exit(&mut cluster, 0, "held:room", 1, "ann");
    cluster.nodes[1].news();
    cluster.pass(DEBOUNCE_MS - 1);
    assert_eq!(cluster.nodes[1].news(), NOTHING);
    cluster.pass(1);
    assert_eq!(cluster.nodes[1].news(), ["ann leaves"]);
    enter(&mut cluster, 1, "held:room", 2, "ann");
    assert_eq!(cluster.nodes[1].news(), ["ann joins"]);
}

#[test]
fn only_the_last_device_of_a_user_leaves() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "ann");
    enter(&mut cluster, 1, "held:room", 2, "ann");
    exit(&mut cluster, 0, "held:room", 1, "ann");
    cluster.pass(DEBOUNCE_MS);
    assert_eq!(cluster.nodes[1].news(), ["ann joins"]);
    exit(&mut cluster, 1, "held:room", 2, "ann");
    cluster.pass(DEBOUNCE_MS);
    assert_eq!(cluster.nodes[1].news(), ["ann leaves"]);
}

#[test]
fn anonymous_ones_and_other_namespaces_are_told_of_at_once() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "");
    exit(&mut cluster, 0, "held:room", 1, "");
    assert_eq!(cluster.nodes[1].news(), [" joins", " leaves"]);
    enter(&mut cluster, 0, "told:room", 1, "ann");
    enter(&mut cluster, 0, "told:room", 2, "ann");
    exit(&mut cluster, 0, "told:room", 1, "ann");
    assert_eq!(cluster.nodes[1].news(), ["ann joins", "ann joins", "ann leaves"]);
}

#[test]
fn a_node_that_drains_waits_for_those_who_may_come_back_elsewhere() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "ann");
    enter(&mut cluster, 0, "held:room", 2, "bob");
    cluster.nodes[1].news();
    // Everybody was sent away. Ann finds another node, bob does not.
    exit(&mut cluster, 0, "held:room", 1, "ann");
    exit(&mut cluster, 0, "held:room", 2, "bob");
    assert!(cluster.nodes[0].node.awaits_returns());
    enter(&mut cluster, 1, "held:room", 3, "ann");
    cluster.pass(DEBOUNCE_MS);
    assert!(!cluster.nodes[0].node.awaits_returns());
    cluster.stop(0);
    assert_eq!(cluster.nodes[0].news(), ["bob leaves"]);
    assert_eq!(cluster.members(0, "held:room"), [3]);
}

#[test]
fn a_node_that_cannot_wait_leaves_nobody_behind() {
    let mut cluster = two();
    enter(&mut cluster, 0, "held:room", 1, "ann");
    exit(&mut cluster, 0, "held:room", 1, "ann");
    cluster.stop(0);
    assert_eq!(cluster.nodes[0].news(), ["ann joins", "ann leaves"]);
    assert_eq!(cluster.members(0, "held:room"), [0; 0]);
}
