//! `POST /message`: a message for a user, wherever they are.

use trunkline_core::publication::Draft;

use super::{Outcome, publish};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::inbox;
use crate::payload::Payload;

/// `{userId, message}` → its place in the inbox, whether the user is connected or not. `message` is
/// any JSON value, and arrives as it was written.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let channel = inbox::channel(&state.node, &inbox::user(fields, "userId")?)?;
    let message = Payload::read(fields, "message", "b64message")?
        .ok_or_else(|| ApiError::bad_request("`message` is missing"))?;
    let options = state.node.namespaces.options(&channel);
    let options = options.ok_or(trunkline_core::error::ClientError::UnknownChannel)?;
    publish::check_length(state, message.len(), "message")?;
    let draft = Draft {
        data: message.carried_by(options)?,
        retention: options.retention,
        early: options.early,
        replicas: options.replicas,
        ..Draft::new(channel)
    };
    publish::place(state, draft).await
}
