//! `presence_stats`: how many are in a channel.

use serde::Serialize;

use super::presence::with_presence;
use super::{Outcome, json};
use crate::ApiState;
use crate::fields::Fields;

#[derive(Serialize)]
struct Stats {
    num_clients: usize,
    num_users: usize,
}

/// `{channel}` → `{num_clients, num_users}`.
pub(super) fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let place = with_presence(state, fields)?;
    let stats = state.node.presence_stats(&place.channel);
    json(&Stats { num_clients: stats.clients, num_users: stats.users })
}
