//! Which webhook, and which of its dead letters, a request is about.

use std::borrow::Cow;

use trunkline_webhooks::Webhooks;

use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;

/// The webhook that `webhook` names.
pub(crate) fn named<'s, 'f>(
    state: &'s ApiState,
    fields: &Fields<'f>,
) -> Result<(&'s Webhooks, Cow<'f, str>), ApiError> {
    let name = fields.text("webhook")?;
    let Some(webhooks) = &state.webhooks else {
        return Err(ApiError::not_available("there are no webhooks here"));
    };
    if !webhooks.names().any(|known| *known == *name) {
        let known: Vec<&str> = webhooks.names().collect();
        return Err(fields.must_be("webhook", &format!("one of {}", known.join(", "))));
    }
    Ok((webhooks, name))
}

/// The letter that `id` names, if it names one; otherwise all are meant.
pub(crate) fn letter<'f>(fields: &Fields<'f>) -> Result<Option<Cow<'f, str>>, ApiError> {
    fields.raw("id").map(|_| fields.text("id")).transpose()
}
