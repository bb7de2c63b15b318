//! `disconnect`: closes the connections of a user.

use trunkline_core::control::{Action, Control};
use trunkline_core::error::CloseReason;

use super::{Outcome, done};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::target;

/// Longest reason in bytes: what a WebSocket close frame has room for beside the code.
const REASON_BYTES: usize = 123;

/// `{user, client, whitelist, disconnect: {code, reason}}` → `{}`.
pub(super) fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let target = target::read(fields)?;
    let reason = match fields.object("disconnect")? {
        Some(custom) => read_reason(&custom)?,
        None => CloseReason::ForceDisconnect,
    };
    state.node.control(Control { target, action: Action::Disconnect(reason) });
    done()
}

fn read_reason(custom: &Fields<'_>) -> Result<CloseReason, ApiError> {
    let words = custom.short_text("reason", REASON_BYTES)?;
    match custom.count("code")?.map(u16::try_from) {
        None | Some(Ok(0)) if words.is_empty() => Ok(CloseReason::ForceDisconnect),
        Some(Ok(code @ 3000..=4999)) => Ok(CloseReason::Custom(code, words.into_owned().into())),
        _ => Err(custom.must_be("code", "between 3000 and 4999")),
    }
}
