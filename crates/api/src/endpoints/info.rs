//! `info`: the nodes there are.

use serde::Serialize;
use trunkline_core::signal::NodeReport;

use super::{Outcome, json};
use crate::ApiState;

#[derive(Serialize)]
struct Info<'a> {
    nodes: Vec<NodeInfo<'a>>,
}

#[derive(Serialize)]
struct NodeInfo<'a> {
    uid: &'a str,
    name: &'a str,
    version: &'a str,
    num_clients: u64,
    num_users: u64,
    num_channels: u64,
    num_subs: u64,
    /// Seconds.
    uptime: u64,
}

impl<'a> From<&'a NodeReport> for NodeInfo<'a> {
    fn from(report: &'a NodeReport) -> Self {
        Self {
            uid: report.node.as_str(),
            name: &report.name,
            version: &report.version,
            num_clients: report.clients,
            num_users: report.users,
            num_channels: report.channels,
            num_subs: report.subscriptions,
            uptime: report.uptime_s,
        }
    }
}

/// `{}` → `{nodes: [{uid, name, version, num_clients, num_users, num_channels, num_subs,
/// uptime}]}`.
pub(super) fn run(state: &ApiState) -> Outcome {
    json(&Info { nodes: state.node.nodes().iter().map(NodeInfo::from).collect() })
}
