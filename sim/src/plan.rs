//! What a seed decides before anything happens: how large the run is, what its channels keep, and how
//! much goes wrong.

use trunkline_core::channel::ChannelName;
use trunkline_core::limits::Limits;
use trunkline_core::namespace::{Access, ChannelOptions, Namespaces, Overflow, Retention};

use crate::chance::Chance;

/// A run before it begins.
#[derive(Debug)]
pub struct Plan {
    /// Places for nodes.
    pub nodes: usize,
    /// Shards of each node.
    pub shards: usize,
    /// Clients.
    pub clients: usize,
    /// Publishers that are no clients.
    pub publishers: usize,
    /// Milliseconds between two messages of a publisher, at most.
    pub pace_ms: u64,
    /// Milliseconds between two faults, at most.
    pub trouble_ms: u64,
    /// Milliseconds an item takes from a node to the broker or back, at most.
    pub latency_ms: u64,
    /// Bytes a socket holds.
    pub socket_bytes: usize,
    /// The limits of nodes.
    pub limits: Limits,
    /// The namespaces.
    pub namespaces: Namespaces,
    /// All channels.
    pub channels: Vec<ChannelName>,
    /// Publications one recovery hands over.
    pub recovery_limit: usize,
    /// Whether nothing is published in the last quarter of what goes wrong: then nothing that comes
    /// hints at what was lost before.
    pub silent_end: bool,
    /// Whether the broker may lose publications without noticing, so that only tags tell.
    pub silent_forks: bool,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(chance: &mut Chance) -> Self {
        let recovery_limit = *chance.pick(&[20, 100, 250]);
        let limits = Limits {
            outbound_bytes: *chance.pick(&[1_500, 6_000, 64 * 1024]),
            // Longer than the broker is ever out of reach: who reads slowly is to be told so, not who could
            // not be read for.
            lag_ms: *chance.pick(&[15_000, 30_000]),
            ..Limits::default()
        };
        let mut namespaces = Namespaces::new(None);
        let mut channels = Vec::new();
        for (name, options) in kinds(chance, recovery_limit) {
            namespaces.insert(name, options);
            for n in 0..chance.within(1..4) {
                channels.extend(ChannelName::parse(&format!("{name}:{n}")));
            }
        }
        Self {
            nodes: chance.index(3) + 1,
            shards: chance.index(2) + 1,
            clients: chance.index(12) + 3,
            publishers: chance.index(4) + 1,
            pace_ms: *chance.pick(&[20, 100, 400]),
            trouble_ms: *chance.pick(&[50, 200, 1_000, 3_000]),
            latency_ms: *chance.pick(&[2, 10, 60]),
            socket_bytes: *chance.pick(&[500, 2_000, 16 * 1024]),
            limits,
            namespaces,
            channels,
            recovery_limit,
            silent_end: chance.one_in(2),
            silent_forks: chance.one_in(2),
        }
    }

    /// Whether who comes back to a channel may say where it was.
    #[must_use]
    pub fn recovers(&self, channel: &ChannelName) -> bool {
        self.namespaces.options(channel).is_some_and(|options| options.recovery)
    }

    /// Whether subscriptions of a channel have a place in its stream.
    #[must_use]
    pub fn has_positions(&self, channel: &ChannelName) -> bool {
        self.namespaces.options(channel).is_some_and(|options| options.has_positions())
    }
}

/// The kinds of channels: what is kept for long, for short, sent as differences, only watched for
/// holes, kept without positions, and not kept.
fn kinds(chance: &mut Chance, recovery_limit: usize) -> Vec<(&'static str, ChannelOptions)> {
    let kept = |size, ttl_ms| Some(Retention { size, ttl_ms, bytes: 1 << 20 });
    let base = ChannelOptions {
        recovery_limit,
        subscribe: Access::ALL,
        publish: Access::ALL,
        history: Access::ALL,
        read_presence: Access::ALL,
        ..ChannelOptions::default()
    };
    let long = ChannelOptions {
        retention: kept(*chance.pick(&[50, 1_000]), 600_000),
        recovery: true,
        presence: chance.one_in(2),
        ..base.clone()
    };
    let short = ChannelOptions {
        retention: kept(chance.index(6) + 2, *chance.pick(&[2_000, 600_000])),
        recovery: true,
        presence: true,
        join_leave: true,
        debounce_ms: *chance.pick(&[0, 1_000]),
        ..base.clone()
    };
    let delta = ChannelOptions { delta: true, join_leave: true, ..long.clone() };
    let watched = ChannelOptions { recovery: false, positioning: true, ..long.clone() };
    let overflow = [Overflow::Close, Overflow::DropOldest, Overflow::KeepLatest];
    let loose = ChannelOptions {
        retention: kept(20, 600_000),
        presence: true,
        overflow: *chance.pick(&overflow),
        ..base.clone()
    };
    let passing = ChannelOptions {
        presence: true,
        join_leave: true,
        force_push_join_leave: true,
        debounce_ms: *chance.pick(&[0, 2_000]),
        overflow: *chance.pick(&overflow),
        ..base
    };
    vec![
        ("long", long),
        ("short", short),
        ("delta", delta),
        ("watched", watched),
        ("loose", loose),
        ("passing", passing),
    ]
}
