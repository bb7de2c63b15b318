//! Several servers share the channels, one of them dies, and parts of it move.

use std::time::Duration;

use trunkline_core::roster::Telling;
use trunkline_rig::{Cluster, RedisOptions};

use super::node::Node;
use super::{PATIENCE, becomes};

const ROOMS: u128 = 60;

#[test]
fn in_a_cluster_nobody_is_lost_by_a_failover_and_the_dead_are_buried() {
    let cluster = Cluster::start(&RedisOptions::default()).unwrap();
    // Longer than a cluster needs to fail over.
    let lease = Duration::from_secs(16);
    let start = |name| Node::at(&cluster.url(), name, lease);
    let (a, b) = (start("a"), start("b"));
    let room = |number: u128| format!("room{number}");
    for number in 0..ROOMS {
        for client in 0..10 {
            a.enter(&room(number), ("ann", 100 * number + client), Telling::Users);
        }
        b.enter(&room(number), ("bob", 100 * number + 99), Telling::Users);
    }
    let everybody = |expected: (usize, usize)| {
        for number in 0..ROOMS {
            becomes(&Some(expected), || b.stats_if_any(&room(number)));
        }
    };
    everybody((11, 2));
    let shard = |slot| {
        let keeper = cluster.master_of_slot(slot).unwrap().address();
        (0..3).find(|&shard| cluster.master(shard).unwrap().address() == keeper).unwrap()
    };
    // The slot of partition 00, in which lives are kept.
    let of_lives = shard(13_254);
    let moved_to = cluster.master((of_lives + 1) % 3).unwrap();
    cluster.move_slot(13_254, moved_to).unwrap();
    everybody((11, 2));
    cluster.kill_master((of_lives + 1) % 3).unwrap();
    // Where the first election fails, the next one is 16 s later.
    cluster.wait_for_failover(2 * PATIENCE).unwrap();
    everybody((11, 2));
    drop(a);
    everybody((1, 1));
    for number in 0..ROOMS {
        b.exit(&room(number), ("bob", 100 * number + 99), Telling::Users);
    }
    everybody((0, 0));
}
