//! The API key of a request.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use trunkline_auth::ApiKeys;

/// Scheme of the `Authorization` header that older client libraries use.
const SCHEME: &[u8] = b"apikey ";

/// Whether a request carries one of the keys: as `X-API-Key`, or as `Authorization: apikey …`.
pub(crate) fn opens(keys: &ApiKeys, headers: &HeaderMap) -> bool {
    presented(headers).is_some_and(|key| keys.check(key))
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let (scheme, key) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(key)
}
