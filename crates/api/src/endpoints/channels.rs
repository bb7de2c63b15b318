//! `channels`: the channels that somebody listens to.

use std::collections::BTreeMap;

use serde::Serialize;
use trunkline_core::limits::CHANNEL_NAME_BYTES;
use trunkline_node::survey::Pattern;

use super::{Outcome, json};
use crate::ApiState;
use crate::answer::begin;
use crate::fields::Fields;

#[derive(Serialize)]
struct Channels<'a> {
    /// In the order of their names.
    channels: BTreeMap<&'a str, Audience>,
}

#[derive(Serialize)]
struct Audience {
    num_clients: usize,
}

/// `{pattern}` → `{channels: {name → {num_clients}}}`. In a pattern `*` stands for any text; none
/// asks for all channels.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    // As long as a name: longer ones match nothing, and matching takes time.
    let pattern = Pattern::new(&fields.short_text("pattern", CHANNEL_NAME_BYTES)?);
    let found = begin(|done| state.node.channels(pattern, done)).outcome().await?;
    let audience = |(name, &num_clients)| (name, Audience { num_clients });
    let channels = found.iter().map(|(name, count)| audience((name.as_str(), count))).collect();
    json(&Channels { channels })
}
