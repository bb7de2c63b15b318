//! `unsubscribe`: ends the subscription of a user's connections to a channel.

use trunkline_core::control::{Action, Control};

use super::{Outcome, done};
use crate::ApiState;
use crate::fields::Fields;
use crate::place::Place;
use crate::target;

/// `{user, channel, client}` → `{}`.
pub(super) fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let target = target::read(fields)?;
    let Place { channel, .. } = Place::read(&state.node, fields)?;
    state.node.control(Control { target, action: Action::Unsubscribe { channel } });
    done()
}
