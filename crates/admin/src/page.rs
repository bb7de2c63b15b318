//! The page at `/`: the embedded HTML, its slots filled, behind a strict policy.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::template::fill;

const HTML: &str = include_str!("../assets/index.html");

/// What stands in place of a key that is not for everybody's eyes.
const NO_KEY: &str = "YOUR_API_KEY";

/// How the page is shown.
#[derive(Clone, Debug, Default)]
pub struct PageOptions {
    /// The API key the page prints in its examples, in development. It is shown to browsers on
    /// this machine only; `None` shows it to nobody.
    pub api_key: Option<String>,
    /// Whether the listener speaks TLS, so that URLs begin with `https`.
    pub tls: bool,
}

/// `GET /`: the page. Its slots are `{{api_key}}` and `{{origin}}`.
pub fn page(options: PageOptions) -> Router {
    Router::new().route("/", get(show)).with_state(Arc::new(options))
}

async fn show(State(options): State<Arc<PageOptions>>, headers: HeaderMap) -> Response {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|h| sound(h))
    else {
        return (StatusCode::BAD_REQUEST, "the Host header is missing or malformed\n")
            .into_response();
    };
    let Some((nonce, policy)) = nonce().and_then(|nonce| {
        let policy = HeaderValue::from_str(&policy(&nonce, host)).ok()?;
        Some((nonce, policy))
    }) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let scheme = if options.tls { "https" } else { "http" };
    let origin = format!("{scheme}://{host}");
    // A name that some other site made point to this machine must not be told the key.
    let key = options.api_key.as_deref().filter(|_| is_loopback(host)).unwrap_or(NO_KEY);
    let html = fill(HTML, |slot| match slot {
        "api_key" => Some(key),
        "origin" => Some(&origin),
        _ => None,
    });
    let html = html
        .replace("<script>", &format!("<script nonce=\"{nonce}\">"))
        .replace("<style>", &format!("<style nonce=\"{nonce}\">"));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, html).into_response()
}

/// What the page may do: run its own script and style, and talk to the node it came from. Older
/// browsers do not take `'self'` for WebSockets, which are therefore named.
fn policy(nonce: &str, host: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// A word nobody can guess, for one response.
fn nonce() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether `host` looks like a name or address with an optional port, and like nothing else. It is
/// repeated in the policy, where a blank or a semicolon would begin something new.
fn sound(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// Whether `host` is an address or the reserved name of the machine itself, which no name server
/// decides over.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
