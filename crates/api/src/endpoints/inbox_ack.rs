//! `inbox_ack`: a user has read messages.

use super::Outcome;
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::inbox;

/// `{user, upto | offsets | all}` → what is read by now.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let channel = inbox::channel(&state.node, &inbox::user(fields, "user")?)?;
    let ack = inbox::read_ack(fields)?;
    let outcome = begin(|done| state.node.acknowledge(&channel, ack, done)).outcome().await?;
    outcome.map(|inbox| inbox::write_state(&inbox)).map_err(ApiError::from)
}
