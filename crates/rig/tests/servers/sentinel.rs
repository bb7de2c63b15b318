//! A master that is replaced.

use trunkline_rig::{RedisOptions, Sentinel};

use crate::{SETTLING, exists, get, set};

#[test]
fn a_killed_master_is_replaced_and_comes_back_as_a_replica() {
    let sentinel = Sentinel::start(&RedisOptions::default()).unwrap();
    let addresses: Vec<String> = sentinel.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(sentinel.url(), format!("redis+sentinel://{}/main/0", addresses.join(",")));
    let master = sentinel.master().unwrap();
    set(master, "a", "b");
    assert_eq!(master.command(&["WAIT", "2", "10000"]).unwrap().integer(), Some(2));

    let old = sentinel.kill_master().unwrap();
    let new = sentinel.wait_for_new_master(old, SETTLING).unwrap();
    assert_eq!(get(new, "a"), "b");
    set(new, "a", "c");

    old.restart().unwrap();
    sentinel.wait_for_replicas(SETTLING).unwrap();
    assert!(!old.is_master());
    assert_eq!(get(old, "a"), "c");

    // Sentinels have written new lines into its configuration; it is still one that starts.
    new.restart().unwrap();
}

#[test]
fn what_a_master_acknowledged_after_the_cut_is_lost_with_it() {
    let options = RedisOptions { password: Some("secret".into()), ..RedisOptions::default() };
    let sentinel = Sentinel::start(&options).unwrap();
    assert!(sentinel.url().starts_with("redis+sentinel://:secret@127.0.0.1:"));
    let master = sentinel.master().unwrap();
    set(master, "kept", "1");
    assert_eq!(master.command(&["WAIT", "2", "10000"]).unwrap().integer(), Some(2));
    sentinel.cut_replication().unwrap();
    set(master, "lost", "1");
    assert_eq!(master.command(&["WAIT", "1", "100"]).unwrap().integer(), Some(0));

    let old = sentinel.kill_master().unwrap();
    let new = sentinel.wait_for_new_master(old, SETTLING).unwrap();
    assert_eq!(get(new, "kept"), "1");
    assert_eq!(get(new, "lost"), "");
}

#[test]
fn a_mended_replication_brings_what_was_missed() {
    let sentinel = Sentinel::start(&RedisOptions::default()).unwrap();
    sentinel.cut_replication().unwrap();
    set(sentinel.master().unwrap(), "a", "b");
    sentinel.mend_replication().unwrap();
    let replicas = sentinel.replicas();
    assert_eq!(replicas.len(), 2);
    assert!(replicas.iter().all(|replica| get(replica, "a") == "b"));
}

#[test]
fn a_sentinel_that_was_killed_comes_back_with_what_it_knew() {
    let sentinel = Sentinel::start(&RedisOptions::default()).unwrap();
    let master = sentinel.master().unwrap().address();
    let one = &sentinel.sentinels()[1];
    one.kill();
    one.restart().unwrap();
    let known = one.command(&["SENTINEL", "get-master-addr-by-name", "main"]).unwrap();
    assert_eq!(known.array()[1].text(), master.port().to_string());
    assert_eq!(sentinel.master().unwrap().address(), master);
}

#[test]
fn nothing_is_left_after_a_drop() {
    let sentinel = Sentinel::start(&RedisOptions::default()).unwrap();
    let all = sentinel.servers().iter().chain(sentinel.sentinels());
    let pids: Vec<u32> = all.map(|redis| redis.pid().unwrap()).collect();
    assert_eq!(pids.len(), 6);
    drop(sentinel);
    assert!(!pids.into_iter().any(exists));
}
