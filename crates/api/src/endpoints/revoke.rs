//! `revoke`: takes tokens back, and ends the connections they have let in.

use std::time::{SystemTime, UNIX_EPOCH};

use trunkline_core::identity::UserId;
use trunkline_core::limits::{TOKEN_ID_BYTES, USER_ID_BYTES};
use trunkline_core::revocation::{Revocation, Subject, TokenId};
use trunkline_core::time::WallTime;

use super::{Outcome, done};
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;

/// For how long it is remembered unless the request says so: longer than tokens should live.
const REMEMBERED_S: u64 = 30 * 24 * 3600;

/// For how long it may be remembered.
const LONGEST_S: u64 = 366 * 24 * 3600;

/// `{user | token_id, issued_before, expire_at | ttl}` → `{}`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = WallTime(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX));
    let revocation = read(fields, now)?;
    let outcome = begin(|done| state.node.revoke(revocation, now, done)).outcome().await?;
    outcome.map_err(ApiError::from)?;
    done()
}

fn read(fields: &Fields<'_>, now: WallTime) -> Result<Revocation, ApiError> {
    let user = UserId::new(&fields.short_text("user", USER_ID_BYTES)?);
    let token = TokenId::new(&fields.short_text("token_id", TOKEN_ID_BYTES)?);
    let said = fields.count("issued_before")?;
    let subject = match token {
        Some(_) if !user.is_anonymous() || said.is_some() => {
            let message = "`token_id` names one token; leave `user` and `issued_before` away";
            return Err(ApiError::bad_request(message));
        }
        Some(token) => Subject::Token(token),
        None if !user.is_anonymous() => Subject::User(user),
        None if said.is_some() => Subject::Everybody,
        // What happens when an application forgets the user must not send everybody away.
        None => {
            let message = "name a `user` or a `token_id`, or say `issued_before` to mean everybody";
            return Err(ApiError::bad_request(message));
        }
    };
    // Tokens say when they were issued in whole seconds: those of this second may be older.
    let issued_before = said.unwrap_or(now.seconds() + 1);
    let lasts_s = match (fields.count("expire_at")?, fields.count("ttl")?) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request("`expire_at` and `ttl` say the same; give one"));
        }
        (Some(then), None) => then.saturating_sub(now.seconds()),
        (None, ttl) => ttl.unwrap_or(REMEMBERED_S),
    };
    if !(1..=LONGEST_S).contains(&lasts_s) {
        let field = if fields.raw("expire_at").is_some() { "expire_at" } else { "ttl" };
        return Err(fields.must_be(field, "between a second and 366 days ahead"));
    }
    let expires_at = WallTime(now.seconds().saturating_add(lasts_s).saturating_mul(1000));
    let issued_before = WallTime(issued_before.saturating_mul(1000));
    Ok(Revocation { subject, issued_before, expires_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(1_000_500);

    fn reading(text: &str) -> Result<Revocation, ApiError> {
        read(&Fields::parse(text).unwrap(), NOW)
    }

    #[test]
    fn what_is_not_said_has_a_safe_meaning() {
        let found = reading(r#"{"user":"ann"}"#).unwrap();
        assert_eq!(found.subject, Subject::User(UserId::new("ann")));
        assert_eq!(found.issued_before, WallTime(1_001_000), "what was issued in this second too");
        assert_eq!(found.expires_at, WallTime((1000 + REMEMBERED_S) * 1000));
        let found = reading(r#"{"issued_before":500,"expire_at":2000}"#).unwrap();
        assert_eq!(found.subject, Subject::Everybody);
        assert_eq!((found.issued_before.0, found.expires_at.0), (500_000, 2_000_000));
        let found = reading(r#"{"token_id":"t","ttl":60}"#).unwrap();
        assert_eq!(found.subject, Subject::Token(TokenId::new("t").unwrap()));
        assert_eq!(found.expires_at, WallTime(1_060_000));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "{}",
            r#"{"user":""}"#,
            r#"{"user":"ann","token_id":"t"}"#,
            r#"{"token_id":"t","issued_before":5}"#,
            r#"{"user":"ann","ttl":0}"#,
            r#"{"user":"ann","ttl":40000000}"#,
            r#"{"user":"ann","expire_at":1000}"#,
            r#"{"user":"ann","expire_at":2000,"ttl":5}"#,
            r#"{"user":"ann","issued_before":-1}"#,
            r#"{"user":7}"#,
        ] {
            assert!(reading(text).is_err(), "{text}");
        }
    }
}
