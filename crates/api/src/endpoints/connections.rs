//! `connections`: the connections of a user, on all nodes.

use std::collections::BTreeMap;

use serde::Serialize;
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::UserId;
use trunkline_core::limits::USER_ID_BYTES;

use super::{Outcome, json, missing};
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;

#[derive(Serialize)]
struct Connections<'a> {
    /// By their id.
    connections: BTreeMap<String, Connection<'a>>,
    #[serde(flatten)]
    missing: missing::Missing<'a>,
}

#[derive(Serialize)]
struct Connection<'a> {
    user: &'a str,
    protocol: &'a str,
    /// The `uid` of the node that holds it.
    node: &'a str,
    channels: Vec<&'a str>,
}

/// `{user}` → `{connections: {client id → {user, protocol, node, channels}}, silent, more}`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let user = UserId::new(&fields.short_text("user", USER_ID_BYTES)?);
    // Anonymous connections have nothing in common: to list them is never what is wanted.
    if user.is_anonymous() {
        return Err(ApiError::bad_request("`user` is missing or empty"));
    }
    let asked = user.clone();
    let surveyed = begin(|told| state.node.connections(asked, told)).outcome().await??;
    let mut connections = BTreeMap::new();
    for (node, report) in &surveyed.found {
        let connection = Connection {
            user: user.as_str(),
            protocol: &report.protocol,
            node: node.as_str(),
            channels: report.channels.iter().map(ChannelName::as_str).collect(),
        };
        connections.insert(report.client.to_string(), connection);
    }
    json(&Connections { connections, missing: missing::of(&surveyed) })
}
