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
    let client = match &*fields.text("client")? {
        "" => None,
        text => Some(ClientId::parse(text).ok_or_else(|| fields.must_be("client", "a client id"))?),
    };
    if user.is_anonymous() && client.is_none() {
        return Err(ApiError::bad_request("`user` is empty, and no `client` is named"));
    }
    // To pass over what narrows a command would do more than was asked for.
    if !fields.text("session")?.is_empty() {
        return Err(ApiError::not_available("connections have no `session`; name the `client`"));
    }
    let except = fields.texts("whitelist")?.iter().map(|text| ClientId::parse(text)).collect();
    let except: Option<Vec<_>> = except;
    let except = except.ok_or_else(|| fields.must_be("whitelist", "a list of client ids"))?;
    Ok(Target { user, client, except })
}
