//! What can be done to nodes that share a Redis, by name, and how much of everything that takes.

use std::time::Duration;

use clap::ValueEnum;

/// What is done to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// A node is killed with SIGKILL in the middle of publishing
    NodeKilled,
    /// A node is stopped with SIGSTOP, and goes on after a while
    NodeStopped,
    /// Redis is killed or shut down, and started again after a while
    RedisDown,
    /// Redis is stopped with SIGSTOP, and goes on after a while
    RedisPaused,
    /// The master is killed with writes its replicas do not have, and sentinels replace it
    Failover,
    /// Slots of a cluster move under load, then a master is killed like that
    SlotMoved,
    /// Nothing passes on a node's pub/sub connection, which stays up
    BlackHole,
    /// Redis cuts off a node that does not read what is published
    OutputBuffer,
    /// Clients are away for longer than their channels remember
    Trimmed,
    /// Thousands of clients of a dying node move to the others
    Moving,
}

/// What stands behind the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One Redis that flushes every write.
    Single,
    /// A master, its replicas, and sentinels.
    Sentinel,
    /// A cluster.
    Cluster,
}

/// How much of everything one round has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    /// Rounds that are run unless another number is asked for.
    pub(crate) rounds: u32,
    pub(crate) publishers: u32,
    pub(crate) subscribers: u32,
    pub(crate) channels: u32,
    /// Messages a second, all publishers together.
    pub(crate) rate: u32,
    /// Publications a channel keeps.
    pub(crate) retention: u64,
    /// Every so many subscribers come and go of themselves; none with 0.
    pub(crate) restless: u32,
    /// How long harm lasts: in the first round, in the second and so on, and again from the first.
    pub(crate) harm: &'static [Duration],
    /// Whether the first node reaches Redis through a proxy.
    pub(crate) proxied: bool,
}

/// Rounds of a scenario.
const ROUNDS: u32 = 20;

/// Rounds of one whose round takes longer than 45 seconds.
const LONG_ROUNDS: u32 = 3;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Scenario {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// How much of everything a round has; little of it if it is to be `short`.
    pub(crate) fn plan(self, short: bool) -> Plan {
        let (publishers, subscribers, channels, rate) =
            if short { (6, 36, 6, 240) } else { (8, 120, 8, 400) };
        let plan = Plan {
            shape: Shape::Single,
            rounds: if short { 1 } else { ROUNDS },
            publishers,
            subscribers,
            channels,
            rate,
            retention: 100_000,
            restless: 2,
            harm: &const { [seconds(1)] },
            proxied: false,
        };
        match self {
            Self::NodeKilled => plan,
            Self::NodeStopped if short => Plan { harm: &const { [seconds(6)] }, ..plan },
            Self::NodeStopped => {
                Plan { harm: &const { [seconds(60)] }, rounds: LONG_ROUNDS, ..plan }
            }
            Self::RedisDown if short => Plan { harm: &const { [seconds(2)] }, ..plan },
            Self::RedisDown => Plan {
                harm: &const { [seconds(2), seconds(30), seconds(180)] },
                rounds: LONG_ROUNDS,
                ..plan
            },
            Self::RedisPaused if short => Plan { harm: &const { [seconds(2)] }, ..plan },
            Self::RedisPaused => {
                Plan { harm: &const { [seconds(2), seconds(7), seconds(12)] }, ..plan }
            }
            Self::Failover => Plan { shape: Shape::Sentinel, ..plan },
            Self::SlotMoved => Plan { shape: Shape::Cluster, ..plan },
            Self::BlackHole | Self::OutputBuffer => Plan { proxied: true, ..plan },
            Self::Trimmed => Plan {
                retention: if short { 10 } else { 20 },
                harm: &const { [seconds(3)] },
                ..plan
            },
            Self::Moving => Plan {
                subscribers: if short { 300 } else { 5_000 },
                channels: if short { 30 } else { 100 },
                rate: 100,
                restless: 0,
                ..plan
            },
        }
    }

    /// Pub/sub bytes that may wait for a node before Redis cuts it off; Redis' own default if none.
    pub(crate) fn pubsub_buffer(self) -> Option<u64> {
        // A small part of the default, 32 MB. With what the system buffers it is a few megabytes all the same.
        (self == Self::OutputBuffer).then_some(256 * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_and_does_something() {
        for scenario in Scenario::value_variants() {
            assert!(!scenario.name().is_empty(), "{scenario:?}");
            for short in [true, false] {
                let plan = scenario.plan(short);
                assert!(plan.rounds > 0 && !plan.harm.is_empty(), "{scenario:?}");
            }
        }
    }
}
