//! `POST /message`: a message for a user, wherever they are.

use trunkline_core::publication::Draft;

use super::{Outcome, publish};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::inbox;
use crate::payload::Payload;
use crate::place::Place;

/// `{userId, message}` → its place in the inbox, whether the user is connected or not. `message` is
/// any JSON value, and arrives as it was written.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let place = Place::inbox(&state.node, &inbox::user(fields, "userId")?)?;
    let message = Payload::read(fields, "message", "b64message")?
        .ok_or_else(|| ApiError::bad_request("`message` is missing"))?;
    publish::check_length(state, message.len(), "message")?;
    let draft = Draft {
        data: message.carried_by(place.options)?,
        ..Draft::within(place.channel, place.options)
    };
    publish::place(state, draft).await
}
