//! What Redis was asked to do, by its own count: commands inside scripts are counted too.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use trunkline_rig::Redis;

use crate::failure::{Doing, Failure};

/// Writes of who is where.
const MEMBERS: &[&str] = &["hset", "hdel", "hincrby", "sadd", "srem"];
/// Writes of which nodes live.
const LEASES: &[&str] = &["zadd", "zrem", "zremrangebyscore"];
/// What is told to those who listen.
const TOLD: &[&str] = &["spublish"];

/// All commands so far.
pub(super) struct Tally {
    at: Instant,
    calls: BTreeMap<String, u64>,
}

/// What came between two tallies, per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// How long that was.
    pub(super) during: Duration,
    /// Writes of who is where, in all.
    pub(super) member_writes: u64,
    /// Writes of which nodes live, a second.
    pub(super) lease_writes: f64,
    told: f64,
    commands: f64,
}

impl Tally {
    /// Reads the counters.
    ///
    /// # Errors
    /// Redis does not answer.
    pub(super) fn read(redis: &Redis) -> Result<Self, Failure> {
        let text = redis.command(&["INFO", "commandstats"]).doing("asking Redis")?.text();
        Ok(Self { at: Instant::now(), calls: text.lines().filter_map(line).collect() })
    }

    /// What came since.
    ///
    /// # Errors
    /// As [`Tally::read`].
    pub(super) fn since(&self, redis: &Redis) -> Result<Rates, Failure> {
        let now = Self::read(redis)?;
        let during = now.at - self.at;
        let more = |name: &str| now.calls(name) - self.calls(name);
        let sum = |names: &[&str]| names.iter().map(|name| more(name)).sum::<u64>();
        let rate = |count: u64| count as f64 / during.as_secs_f64();
        Ok(Rates {
            during,
            member_writes: sum(MEMBERS),
            lease_writes: rate(sum(LEASES)),
            told: rate(sum(TOLD)),
            commands: rate(now.calls.keys().map(|name| more(name)).sum()),
        })
    }

    fn calls(&self, name: &str) -> u64 {
        self.calls.get(name).copied().unwrap_or(0)
    }
}

/// `cmdstat_hset:calls=3,usec=…`
fn line(line: &str) -> Option<(String, u64)> {
    let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
    let (calls, _) = rest.split_once(',')?;
    Some((name.to_owned(), calls.parse().ok()?))
}

impl Rates {
    /// These writes, and nothing else.
    #[cfg(test)]
    pub(super) fn of(during: Duration, member_writes: u64, lease_writes: f64) -> Self {
        Self { during, member_writes, lease_writes, told: 0.0, commands: 0.0 }
    }

    /// Writes of who is where, a second.
    pub(super) fn writing(&self) -> f64 {
        self.member_writes as f64 / self.during.as_secs_f64()
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lease_writes, told, commands, .. } = self;
        let writing = self.writing();
        write!(f, "{writing:>9.1} {lease_writes:>8.1} {told:>8.1} {commands:>10.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_what_redis_says() {
        let read = line("cmdstat_hset:calls=12,usec=7,usec_per_call=0.5,rejected_calls=0");
        assert_eq!(read, Some(("hset".to_owned(), 12)));
        assert_eq!(line("# Commandstats"), None);
    }
}
