//! Slots that move, masters that are replaced.

use trunkline_rig::resp::Reply;
use trunkline_rig::{Cluster, RedisOptions};

use crate::{SETTLING, exists, get, set};

/// The slot of a key, as any node says.
fn slot(cluster: &Cluster, key: &str) -> u16 {
    let slot = cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", key]).unwrap();
    slot.integer().unwrap().try_into().unwrap()
}

#[test]
fn a_slot_moves_with_its_keys_while_it_is_used() {
    let options = RedisOptions { password: Some("secret".into()), ..RedisOptions::default() };
    let cluster = Cluster::start(&options).unwrap();
    let seeds: Vec<String> = cluster.addresses()[..3].iter().map(ToString::to_string).collect();
    assert_eq!(cluster.url(), format!("redis+cluster://:secret@{}", seeds.join(",")));
    assert_eq!(cluster.masters().len(), 3);

    let number = slot(&cluster, "{t}");
    let from = cluster.master_of_slot(number).unwrap();
    let to = cluster.masters().into_iter().find(|other| other.address() != from.address()).unwrap();
    for at in 0..250 {
        set(from, &format!("{{t}}{at}"), &at.to_string());
    }
    let moving = cluster.begin_move(number, to).unwrap();
    assert_eq!(moving.keys(100).unwrap(), 100);
    let sent_on = from.command(&["GET", "{t}new"]).unwrap_err().to_string();
    assert!(sent_on.contains(&format!("ASK {number} {}", to.address())), "{sent_on}");
    moving.all_keys().unwrap();
    moving.finish().unwrap();

    assert_eq!(cluster.master_of_slot(number).unwrap().address(), to.address());
    assert!((0..250).all(|at| get(to, &format!("{{t}}{at}")) == at.to_string()));
    let sent_on = from.command(&["GET", "{t}1"]).unwrap_err().to_string();
    assert!(sent_on.contains(&format!("MOVED {number} {}", to.address())), "{sent_on}");

    cluster.move_slot(number, from).unwrap();
    assert_eq!(get(from, "{t}249"), "249");
    cluster.wait_for_failover(SETTLING).unwrap();
}

#[test]
fn a_replica_takes_over_from_a_killed_master() {
    let cluster = Cluster::start(&RedisOptions::default()).unwrap();
    let number = slot(&cluster, "a");
    let shard = (0..3).find(|shard| {
        let master = cluster.master(*shard).unwrap();
        master.address() == cluster.master_of_slot(number).unwrap().address()
    });
    let shard = shard.unwrap();
    let replica = cluster.replica(shard).unwrap();
    let mut line = cluster.master(shard).unwrap().connect().unwrap();
    line.command(&["SET", "a", "b"]).unwrap();
    assert_eq!(line.command(&["WAIT", "1", "10000"]).unwrap(), Reply::Integer(1));

    let old = cluster.kill_master(shard).unwrap();
    cluster.wait_for_failover(SETTLING).unwrap();
    let new = cluster.master_of_slot(number).unwrap();
    assert_eq!(new.address(), replica.address());
    assert_eq!(get(new, "a"), "b");

    old.restart().unwrap();
    cluster.wait_for_failover(SETTLING).unwrap();
    assert!(!old.is_master());
}

#[test]
fn nothing_is_left_after_a_drop() {
    let cluster = Cluster::start(&RedisOptions::default()).unwrap();
    let pids: Vec<u32> = cluster.nodes().iter().map(|node| node.pid().unwrap()).collect();
    assert_eq!(pids.len(), 6);
    drop(cluster);
    assert!(!pids.into_iter().any(exists));
}
