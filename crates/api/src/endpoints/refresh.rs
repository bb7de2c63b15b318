//! `refresh`: says how long the connections of a user may go on.

use trunkline_core::control::{Action, Control};
use trunkline_core::time::WallTime;

use super::{Outcome, done};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Payload;
use crate::target;

/// `{user, client, expired, expire_at, info}` → `{}`.
pub(super) fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let target = target::read(fields)?;
    let expired = fields.flag("expired")?;
    // Centrifugo's 0 means that there is none.
    let seconds = fields.count("expire_at")?.filter(|&seconds| seconds > 0);
    let expires_at = seconds.map(|seconds| WallTime(seconds.saturating_mul(1000)));
    let info = read_info(fields)?;
    state.node.control(Control { target, action: Action::Refresh { expired, expires_at, info } });
    done()
}

/// What others are shown is JSON, as in a token.
fn read_info(fields: &Fields<'_>) -> Result<Option<bytes::Bytes>, ApiError> {
    // `null` leaves what is known, unlike in a payload.
    if fields.raw("info").is_none() && fields.raw("b64info").is_none() {
        return Ok(None);
    }
    let payload = Payload::read(fields, "info", "b64info")?;
    payload.map(|payload| payload.as_json()).transpose()
}
