//! What was taken back, from and to its schema.

use trunkline_core::identity::UserId;
use trunkline_core::revocation::{Revocation, Subject, TokenId};
use trunkline_core::time::WallTime;

use super::signal_schema as schema;

pub(super) fn to_schema(revocation: &Revocation) -> schema::Revoked {
    let (token, user) = match &revocation.subject {
        Subject::Token(id) => (Some(id.as_str().to_owned()), None),
        Subject::User(user) => (None, Some(user.as_str().to_owned())),
        Subject::Everybody => (None, None),
    };
    let (issued_before_ms, expires_at_ms) = (revocation.issued_before.0, revocation.expires_at.0);
    schema::Revoked { token, user, issued_before_ms, expires_at_ms }
}

/// `None` for the id of a token that can be none.
pub(super) fn from_schema(told: schema::Revoked) -> Option<Revocation> {
    let subject = match (told.token, told.user) {
        (Some(id), _) => Subject::Token(TokenId::new(&id)?),
        (None, Some(user)) => Subject::User(UserId::new(&user)),
        (None, None) => Subject::Everybody,
    };
    let issued_before = WallTime(told.issued_before_ms);
    Some(Revocation { subject, issued_before, expires_at: WallTime(told.expires_at_ms) })
}
