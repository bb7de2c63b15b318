//! `webhook_list`: how the receivers of webhooks fare.

use serde::Serialize;
use trunkline_webhooks::State;

use super::{Outcome, json};
use crate::ApiState;

#[derive(Serialize)]
struct Answer {
    webhooks: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    name: String,
    url: String,
    waiting: u64,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivering_node: Option<String>,
}

/// `{}` → `{webhooks: [{name, url, waiting, attempt, last_error, delivering_node}]}`.
pub(super) async fn run(state: &ApiState) -> Outcome {
    let states = match &state.webhooks {
        Some(webhooks) => webhooks.states().await?,
        None => Vec::new(),
    };
    json(&Answer { webhooks: states.into_iter().map(item).collect() })
}

fn item(state: State) -> Item {
    let State { name, url, waiting, attempt, last_error, node } = state;
    Item { name, url, waiting, attempt, last_error, delivering_node: node }
}
