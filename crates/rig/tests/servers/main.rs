//! Every kind of server starts, does what it is there for, can be disturbed, and is gone afterwards.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod cluster;
mod port;
mod proxies;
mod redis;
mod sentinel;

use std::fs;
use std::time::Duration;

use trunkline_rig::Redis;

/// How long servers may take to settle after a blow. They need a few seconds where nothing else
/// runs, and ten more if an election is split.
const SETTLING: Duration = Duration::from_secs(60);

fn set(redis: &Redis, key: &str, value: &str) {
    assert_eq!(redis.command(&["SET", key, value]).unwrap().text(), "OK");
}

fn get(redis: &Redis, key: &str) -> String {
    redis.command(&["GET", key]).unwrap().text()
}

/// Whether there is a process with this id, a dead child of ours that was not waited for included.
/// One that lost its parent and ended is the system's to wait for.
fn exists(pid: u32) -> bool {
    let Ok(about) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let fields: Vec<&str> = about.rsplit(") ").next().unwrap().split(' ').collect();
    let (is_dead, parent) = (fields[0] == "Z", fields[1]);
    !is_dead || parent == std::process::id().to_string()
}
