//! `subscribe`: subscribes the connections of a user to a channel.

use trunkline_core::control::{Action, Control};

use super::{Outcome, done};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Payload;
use crate::place::Place;
use crate::target;

/// Options that change what a subscription means. To pass over one in silence would give a client
/// more, or less, than the application believes.
const NOT_AVAILABLE: [&str; 3] = ["recover_since", "override", "expire_at"];

/// `{user, channel, client, info | b64info, data | b64data}` → `{}`.
pub(super) fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let target = target::read(fields)?;
    let Place { channel, options } = Place::read(&state.node, fields)?;
    for name in NOT_AVAILABLE {
        if fields.raw(name).is_some_and(|value| value.get() != "0") {
            return Err(ApiError::not_available(format!("`{name}` is not available")));
        }
    }
    let read = |json, base64| {
        let payload = Payload::read(fields, json, base64)?;
        payload.map(|payload| payload.carried_by(options)).transpose()
    };
    let (info, data) = (read("info", "b64info")?, read("data", "b64data")?);
    state.node.control(Control { target, action: Action::Subscribe { channel, info, data } });
    done()
}
