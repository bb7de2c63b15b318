//! The server API: how an application publishes, asks who is there, and commands connections.
//!
//! `POST /api/{method}` with a JSON object and an API key; `POST /message` is a short form of one.
//! Methods, shapes and error codes are those of Centrifugo's HTTP API, so that its client libraries
//! work unchanged. A request is read in this order: `edge` (path, key, body), `fields` (the object), one file of `endpoints`
//! per method, and back through `edge` as a result or an `error`.

mod addressing;
mod answer;
mod edge;
mod endpoints;
mod error;
mod fields;
mod inbox;
mod key;
mod methods;
mod payload;
mod place;
mod schedule;
mod target;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use trunkline_auth::ApiKeys;
use trunkline_node::Node;
use trunkline_webhooks::Webhooks;

pub use addressing::address;
pub use methods::Methods;
pub use schedule::JsonForm;

/// What the server API works with.
#[derive(Clone)]
pub struct ApiState {
    node: Arc<Node>,
    keys: Arc<ApiKeys>,
    webhooks: Option<Arc<Webhooks>>,
}

impl ApiState {
    /// The API of `node`, open to `keys`.
    #[must_use]
    pub fn new(node: Arc<Node>, keys: Arc<ApiKeys>) -> Self {
        Self { node, keys, webhooks: None }
    }

    /// The same, with the webhooks of the node, if it has any.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Option<Arc<Webhooks>>) -> Self {
        Self { webhooks, ..self }
    }
}

/// Everything below `/api`, and `/message`. It claims no other path and sets no fallback.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/api", any(edge::unknown_path))
        .route("/api/", any(edge::unknown_path))
        .route("/api/{*method}", any(edge::handle))
        .route("/message", any(edge::handle_message))
        .with_state(state)
}
