//! `info`: the nodes there are.

use serde::Serialize;

use super::{Outcome, json};
use crate::ApiState;

#[derive(Serialize)]
struct Info<'a> {
    nodes: [NodeInfo<'a>; 1],
}

#[derive(Serialize)]
struct NodeInfo<'a> {
    uid: &'a str,
    name: &'a str,
    version: &'static str,
    num_clients: i64,
    num_users: usize,
    num_channels: usize,
    num_subs: i64,
    /// Seconds.
    uptime: u64,
}

/// `{}` → `{nodes: [{uid, name, version, num_clients, num_users, num_channels, num_subs,
/// uptime}]}`.
pub(super) fn run(state: &ApiState) -> Outcome {
    let (mut num_clients, mut num_subs) = (0, 0);
    for shard in (0..state.shards).map(|index| state.node.metrics.shard(index)) {
        num_clients += shard.connections.get();
        num_subs += shard.subscriptions.get();
    }
    json(&Info {
        nodes: [NodeInfo {
            uid: state.node.id.as_str(),
            name: &state.node.name,
            version: env!("CARGO_PKG_VERSION"),
            num_clients,
            num_users: state.node.user_count(),
            num_channels: state.node.channel_count(),
            num_subs,
            uptime: state.started.elapsed().as_secs(),
        }],
    })
}
