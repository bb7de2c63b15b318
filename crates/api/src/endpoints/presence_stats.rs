//! `presence_stats`: how many are in a channel.

use serde::Serialize;

use super::presence::with_presence;
use super::{Outcome, json};
use crate::ApiState;
use crate::answer::begin;
use crate::fields::Fields;

#[derive(Serialize)]
struct Stats {
    num_clients: usize,
    num_users: usize,
}

/// `{channel}` → `{num_clients, num_users}`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let place = with_presence(state, fields)?;
    let stats = begin(|done| state.node.presence_stats(&place.channel, done)).outcome().await??;
    json(&Stats { num_clients: stats.clients, num_users: stats.users })
}
