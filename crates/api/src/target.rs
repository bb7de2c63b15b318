//! Whose connections a request speaks of.

use trunkline_core::control::Target;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::limits::USER_ID_BYTES;

use crate::error::ApiError;
use crate::fields::Fields;

/// The connections of `user`, or the only one named by `client`, but none of `whitelist`.
///
/// No user means the anonymous connections. All of them at once is never what is wanted, only what
/// happens when an application forgets the user, so that they must be named one by one.
pub(crate) fn read(fields: &Fields<'_>) -> Result<Target, ApiError> {
    let user = UserId::new(&fields.short_text("user", USER_ID_BYTES)?);
    let client = client(fields)?;
    if user.is_anonymous() && client.is_none() {
        return Err(ApiError::bad_request("`user` is empty, and no `client` is named"));
    }
    // To pass over what narrows a command would do more than was asked for.
    if !fields.text("session")?.is_empty() {
        return Err(ApiError::not_available("connections have no `session`; name the `client`"));
    }
    let except = clients(fields, "whitelist")?;
    Ok(Target { user, client, except })
}

/// The connections of a user that `client` or `except` leave; `None` if neither says anything.
pub(crate) fn read_narrowed(fields: &Fields<'_>, user: UserId) -> Result<Option<Target>, ApiError> {
    let client = client(fields)?;
    let except = clients(fields, "except")?;
    let narrowed = client.is_some() || !except.is_empty();
    Ok(narrowed.then_some(Target { user, client, except }))
}

fn client(fields: &Fields<'_>) -> Result<Option<ClientId>, ApiError> {
    match &*fields.text("client")? {
        "" => Ok(None),
        text => {
            ClientId::parse(text).map(Some).ok_or_else(|| fields.must_be("client", "a client id"))
        }
    }
}

fn clients(fields: &Fields<'_>, name: &str) -> Result<Vec<ClientId>, ApiError> {
    let ids: Option<_> = fields.texts(name)?.iter().map(|text| ClientId::parse(text)).collect();
    ids.ok_or_else(|| fields.must_be(name, "a list of client ids"))
}
