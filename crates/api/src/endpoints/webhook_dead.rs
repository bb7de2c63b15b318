//! `webhook_dead`: events that a receiver did not take for as long as they were tried.

use serde::Serialize;
use trunkline_webhooks::Letter;

use super::{Outcome, json};
use crate::ApiState;
use crate::fields::Fields;
use crate::webhook;

/// Letters in one answer, unless fewer are asked for: each may hold hundreds of events.
const PAGE: usize = 100;

#[derive(Serialize)]
struct Answer {
    letters: Vec<Letter>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `{webhook, limit, after}` → `{letters: [{id, webhook, reason, attempts, first_tried, given_up,
/// events}], next}`, oldest first.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let (webhooks, name) = webhook::named(state, fields)?;
    let limit = fields.count("limit")?.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE));
    let after = fields.text("after")?;
    let page = webhooks.letters(&name, &after, limit.min(PAGE)).await?;
    let (letters, next) = page.ok_or_else(|| fields.must_be("after", "the `next` of an answer"))?;
    json(&Answer { letters, next })
}
