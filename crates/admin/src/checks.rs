//! Health, readiness and metrics, for those who run the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use trunkline_node::Node;
use trunkline_telemetry::{CONTENT_TYPE as METRICS_TYPE, NodeGauges};

/// What the second listener tells of.
#[derive(Clone)]
pub struct AdminState {
    /// The node.
    pub node: Arc<Node>,
    /// Whether new clients are welcome: true from the first listener on until the node is told to end.
    pub ready: Arc<AtomicBool>,
    /// Says why clients should not come here all the same, if there is a reason.
    pub trouble: Trouble,
}

/// Looks for a reason why clients should not come.
pub type Trouble = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// `GET /health`, `/ready` and `/metrics`.
pub fn router(state: AdminState) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
}

/// Answers as long as the process can answer at all.
async fn health() -> impl IntoResponse {
    status(StatusCode::OK, "ok")
}

/// Tells load balancers whether to send clients here.
async fn ready(State(state): State<AdminState>) -> impl IntoResponse {
    if !state.ready.load(Ordering::Acquire) {
        return status(StatusCode::SERVICE_UNAVAILABLE, "draining").into_response();
    }
    match (state.trouble)() {
        None => well(state.node.wrong_clock_ms()).into_response(),
        Some(why) => {
            let body = format!("{{\"status\":\"unavailable\",\"why\":\"{}\"}}\n", plain(&why));
            let kind = [(CONTENT_TYPE, "application/json")];
            (StatusCode::SERVICE_UNAVAILABLE, kind, body).into_response()
        }
    }
}

/// Clients are welcome, though the node's clock may be wrong: schedules are due by another one, tokens
/// by this.
fn well(wrong_clock_ms: Option<u64>) -> impl IntoResponse + use<> {
    let clock = wrong_clock_ms.map(|off| format!(",\"clock_off_ms\":{off}")).unwrap_or_default();
    let body = format!("{{\"status\":\"ok\"{clock}}}\n");
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body)
}

/// A text as it may stand in JSON: what would have to be escaped is left out.
fn plain(text: &str) -> String {
    text.chars().filter(|&c| !c.is_control() && c != '"' && c != '\\').collect()
}

async fn metrics(State(state): State<AdminState>) -> impl IntoResponse {
    let gauges = NodeGauges {
        clock_off_ms: state.node.clock_off_ms(),
        channels: state.node.channel_count() as u64,
        users: state.node.user_count() as u64,
        peers: state.node.peer_count() as u64,
        exits_held: state.node.exits_held() as u64,
    };
    ([(CONTENT_TYPE, METRICS_TYPE)], state.node.metrics.render(&gauges))
}

fn status(code: StatusCode, word: &str) -> impl IntoResponse + use<> {
    (code, [(CONTENT_TYPE, "application/json")], format!("{{\"status\":\"{word}\"}}\n"))
}
