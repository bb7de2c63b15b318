//! `broadcast`: the same publication into many channels.

use super::publish::Content;
use super::{Outcome, envelope, list};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::place::Place;

/// Like `publish`, with `channels` for `channel` → `{responses: [{result | error}]}`, one for each
/// channel, in order.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let channels = fields.texts("channels")?;
    if channels.is_empty() {
        return Err(ApiError::bad_request("`channels` is missing or empty"));
    }
    let content = Content::read(state, fields)?;
    // All are on their way before the first answer is waited for.
    let begun: Vec<_> = channels
        .iter()
        .map(|name| content.publish(state, &Place::find(&state.node, name)?))
        .collect();
    let mut responses = Vec::with_capacity(begun.len());
    for publishing in begun {
        let outcome = match publishing {
            Ok(publishing) => publishing.await,
            Err(error) => Err(error),
        };
        responses.push(match outcome {
            Ok(result) => envelope("result", &result),
            Err(error) => error.envelope(),
        });
    }
    Ok(envelope("responses", &list(&responses)))
}
