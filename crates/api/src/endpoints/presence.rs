//! `presence`: the connections in a channel.

use trunkline_core::error::ClientError;
use trunkline_protocol::json::write_client_info;

use super::{Outcome, envelope};
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::place::Place;

/// `{channel}` → `{presence: {client id → {user, client, conn_info, chan_info}}}`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let place = with_presence(state, fields)?;
    let mut members = vec![b'{'];
    let found = begin(|done| state.node.presence(&place.channel, done)).outcome().await??;
    for info in found {
        if members.len() > 1 {
            members.push(b',');
        }
        members.extend_from_slice(format!("\"{}\":", info.client).as_bytes());
        write_client_info(&mut members, &info);
    }
    members.push(b'}');
    Ok(envelope("presence", &members))
}

/// The channel of a request, if it has presence.
pub(super) fn with_presence<'s>(
    state: &'s ApiState,
    fields: &Fields<'_>,
) -> Result<Place<'s>, ApiError> {
    let place = Place::read(&state.node, fields)?;
    if place.options.presence { Ok(place) } else { Err(ClientError::NotAvailable.into()) }
}
