//! The methods, a file each.

mod batch;
mod broadcast;
mod channels;
mod connections;
mod disconnect;
mod history;
mod history_remove;
mod inbox_ack;
mod inbox_state;
mod info;
mod message;
mod missing;
mod presence;
mod presence_stats;
mod publish;
mod refresh;
mod revoke;
mod schedule;
mod schedule_cancel;
mod schedule_list;
mod subscribe;
mod unsubscribe;
mod webhook_dead;
mod webhook_discard;
mod webhook_list;
mod webhook_replay;

use serde::Serialize;
use trunkline_core::error::ClientError;
use trunkline_telemetry::{ApiMethod, ApiOutcome};

use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;

/// What a method answers: JSON text, or why it could not be done.
pub(crate) type Outcome = Result<Vec<u8>, ApiError>;

/// Carries out a method and puts the answer into its envelope.
pub(crate) async fn run(state: &ApiState, method: ApiMethod, fields: &Fields<'_>) -> Outcome {
    match method {
        ApiMethod::Batch => batch::run(state, fields).await,
        single => run_single(state, single, fields).await.map(|result| envelope("result", &result)),
    }
}

/// Carries out a method that may stand in a batch, and answers its bare result.
async fn run_single(state: &ApiState, method: ApiMethod, fields: &Fields<'_>) -> Outcome {
    match method {
        ApiMethod::Publish => publish::run(state, fields).await,
        ApiMethod::Broadcast => broadcast::run(state, fields).await,
        ApiMethod::Subscribe => subscribe::run(state, fields),
        ApiMethod::Unsubscribe => unsubscribe::run(state, fields),
        ApiMethod::Disconnect => disconnect::run(state, fields),
        ApiMethod::Refresh => refresh::run(state, fields),
        ApiMethod::Revoke => revoke::run(state, fields).await,
        ApiMethod::Connections => connections::run(state, fields).await,
        ApiMethod::Presence => presence::run(state, fields).await,
        ApiMethod::PresenceStats => presence_stats::run(state, fields).await,
        ApiMethod::History => history::run(state, fields).await,
        ApiMethod::HistoryRemove => history_remove::run(state, fields).await,
        ApiMethod::Channels => channels::run(state, fields).await,
        ApiMethod::Schedule => schedule::run(state, fields).await,
        ApiMethod::ScheduleCancel => schedule_cancel::run(state, fields).await,
        ApiMethod::ScheduleList => schedule_list::run(state, fields).await,
        ApiMethod::InboxAck => inbox_ack::run(state, fields).await,
        ApiMethod::InboxState => inbox_state::run(state, fields).await,
        ApiMethod::Message => message::run(state, fields).await,
        ApiMethod::WebhookList => webhook_list::run(state).await,
        ApiMethod::WebhookDead => webhook_dead::run(state, fields).await,
        ApiMethod::WebhookReplay => webhook_replay::run(state, fields).await,
        ApiMethod::WebhookDiscard => webhook_discard::run(state, fields).await,
        ApiMethod::Info => info::run(state),
        ApiMethod::Batch | ApiMethod::Unknown => Err(ClientError::MethodNotFound.into()),
    }
}

/// Counts a request whose body was readable.
pub(crate) fn count(state: &ApiState, method: ApiMethod, outcome: &Outcome) {
    let outcome = match outcome {
        Ok(_) => ApiOutcome::Ok,
        Err(error) if error.is_bad_request() => ApiOutcome::BadRequest,
        Err(_) => ApiOutcome::Error,
    };
    state.node.metrics.node.api_requests.count(method, outcome);
}

/// `{"name":value}`.
fn envelope(name: &'static str, value: &[u8]) -> Vec<u8> {
    [b"{\"", name.as_bytes(), b"\":", value, b"}"].concat()
}

/// The answer of methods that have nothing to tell.
fn done() -> Outcome {
    Ok(b"{}".to_vec())
}

fn json(answer: &impl Serialize) -> Outcome {
    serde_json::to_vec(answer).map_err(|_| ClientError::Internal.into())
}

/// A list in square brackets.
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"[", &*items.join(&b","[..]), b"]"].concat()
}
