//! `channels`: the channels that somebody listens to, on all nodes.

use std::collections::BTreeMap;

use serde::Serialize;
use trunkline_core::limits::CHANNEL_NAME_BYTES;
use trunkline_node::survey::Pattern;

use super::{Outcome, json, missing};
use crate::ApiState;
use crate::answer::begin;
use crate::fields::Fields;

#[derive(Serialize)]
struct Channels<'a> {
    /// In the order of their names.
    channels: BTreeMap<&'a str, Audience>,
    #[serde(flatten)]
    missing: missing::Missing<'a>,
}

#[derive(Serialize)]
struct Audience {
    num_clients: u64,
}

/// `{pattern}` → `{channels: {name → {num_clients}}, silent, more}`. In a pattern `*` stands for any text; none
/// asks for all channels.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    // As long as a name: longer ones match nothing, and matching takes time.
    let pattern = Pattern::new(&fields.short_text("pattern", CHANNEL_NAME_BYTES)?);
    let surveyed = begin(|told| state.node.channels(pattern, told)).outcome().await??;
    let audience = |(name, &num_clients)| (name, Audience { num_clients });
    let found = surveyed.found.iter();
    let channels = found.map(|(name, count)| audience((name.as_str(), count))).collect();
    json(&Channels { channels, missing: missing::of(&surveyed) })
}
