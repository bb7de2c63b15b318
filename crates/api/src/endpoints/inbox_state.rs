//! `inbox_state`: what is in an inbox.

use super::Outcome;
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::inbox;

/// `{user, limit, after}` → what is read, and unread messages, oldest first.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let channel = inbox::channel(&state.node, &inbox::user(fields, "user")?)?;
    let page = inbox::read_page(fields)?;
    let outcome = begin(|done| state.node.unread(&channel, page, done)).outcome().await?;
    outcome.map(|unread| inbox::write_unread(&unread)).map_err(ApiError::from)
}
