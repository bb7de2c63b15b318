//! `history_remove`: forgets the publications of a channel.

use trunkline_core::error::ClientError;

use super::{Outcome, done};
use crate::ApiState;
use crate::answer::begin;
use crate::fields::Fields;
use crate::place::Place;

/// `{channel}` → `{}`. The epoch stays and offsets go on, so that nobody takes the next
/// publication for one that was seen.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let place = Place::read(&state.node, fields)?;
    if place.options.retention.is_none() {
        return Err(ClientError::NotAvailable.into());
    }
    begin(|done| state.node.remove_history(&place.channel, done)).outcome().await??;
    done()
}
