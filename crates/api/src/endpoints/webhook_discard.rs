//! `webhook_discard`: dead letters are dropped.

use serde::Serialize;

use super::{Outcome, json};
use crate::ApiState;
use crate::fields::Fields;
use crate::webhook;

#[derive(Serialize)]
struct Answer {
    discarded: usize,
    /// There are more than are dropped at once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// `{webhook, id}` → `{discarded, more}`; without `id`, all letters of the receiver.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let (webhooks, name) = webhook::named(state, fields)?;
    let (discarded, more) = webhooks.discard(&name, webhook::letter(fields)?.as_deref()).await?;
    json(&Answer { discarded, more })
}
