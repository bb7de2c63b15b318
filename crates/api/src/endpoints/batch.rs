//! `batch`: many commands in one request.

use futures_util::future::join_all;
use serde_json::value::RawValue;
use trunkline_core::error::ClientError;
use trunkline_telemetry::{ApiMethod, Label};

use super::{Outcome, count, envelope, list, run_single};
use crate::ApiState;
use crate::error::ApiError;
use crate::fields::Fields;

/// `{commands: [{method: {…}}], parallel}` → `{replies: [{method: {…}} | {error: {…}}]}`, a reply
/// for each command, in order. Commands are carried out one after the other, unless `parallel`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let commands = fields.list("commands")?;
    if commands.is_empty() {
        return Err(ApiError::bad_request("`commands` is missing or empty"));
    }
    let replies = if fields.flag("parallel")? {
        join_all(commands.into_iter().map(|command| reply(state, command))).await
    } else {
        let mut replies = Vec::with_capacity(commands.len());
        for command in commands {
            replies.push(reply(state, command).await);
        }
        replies
    };
    Ok(envelope("replies", &list(&replies)))
}

async fn reply(state: &ApiState, command: &RawValue) -> Vec<u8> {
    match carry_out(state, command).await {
        Ok((method, result)) => envelope(ApiMethod::VALUES[method.index()], &result),
        Err(error) => error.envelope(),
    }
}

async fn carry_out(state: &ApiState, command: &RawValue) -> Result<(ApiMethod, Vec<u8>), ApiError> {
    let command = Fields::of(command, "a command")?;
    let (method, arguments) = command
        .members()
        .map(|(name, arguments)| (ApiMethod::named(name), arguments))
        .find(|(method, _)| !matches!(method, ApiMethod::Unknown | ApiMethod::Batch))
        .ok_or(ClientError::MethodNotFound)?;
    let outcome = match Fields::of(arguments, ApiMethod::VALUES[method.index()]) {
        Ok(fields) => run_single(state, method, &fields).await,
        Err(error) => Err(error),
    };
    count(state, method, &outcome);
    outcome.map(|result| (method, result))
}
