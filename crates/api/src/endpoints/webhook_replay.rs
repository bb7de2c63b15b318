//! `webhook_replay`: dead letters are delivered again.

use serde::Serialize;

use super::{Outcome, json};
use crate::ApiState;
use crate::fields::Fields;
use crate::webhook;

#[derive(Serialize)]
struct Answer {
    replayed: usize,
    /// There are more than are moved at once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// `{webhook, id}` → `{replayed, more}`; without `id`, all letters of the receiver.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let (webhooks, name) = webhook::named(state, fields)?;
    let (replayed, more) = webhooks.replay(&name, webhook::letter(fields)?.as_deref()).await?;
    json(&Answer { replayed, more })
}
