//! Who is in which channel, told by several nodes to one real Redis: who is counted, who hears of it,
//! and what remains when nodes die, sleep, or Redis forgets.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod cluster;
mod cost;
mod death;
mod lost;
mod node;
mod random;
mod telling;

use std::thread;
use std::time::{Duration, Instant};

use trunkline_rig::{Redis, RedisOptions};

/// How long anything may take that takes a few seconds where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lease of nodes in tests. Short, so that they die fast; long enough for a busy machine.
const LEASE: Duration = Duration::from_secs(2);

fn redis() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

/// Waits until a condition holds.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "in vain waited for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until something is as it should be, and shows both if it does not become so.
fn becomes<T: PartialEq + std::fmt::Debug>(wanted: &T, now: impl Fn() -> T) {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = now();
        if found == *wanted {
            return;
        }
        assert!(Instant::now() < until, "it stays {found:?} instead of {wanted:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The names of all keys of a kind.
fn keys(redis: &Redis, kind: &str) -> Vec<String> {
    let reply = redis.command(&["KEYS", &format!("*:{kind}:*")]).unwrap();
    reply.array().iter().map(trunkline_rig::resp::Reply::text).collect()
}
