//! How fast a client may be.

use crate::command::Request;
use crate::error::ClientError;
use crate::identity::UserId;
use crate::rate::{Doing, Meter};

use super::{Origin, Session, Surroundings};

/// What one connection has done lately.
#[derive(Debug, Default)]
pub(super) struct Meters {
    subscribe: Meter,
    publish: Meter,
    command: Meter,
}

impl Session {
    /// Counts a command, and what it is for; or says that it comes too early. One that is refused
    /// for what it is for has counted as a command all the same: it has cost one.
    pub(super) fn pace(
        &mut self,
        origin: Origin,
        request: &Request<'_>,
        around: &Surroundings<'_>,
    ) -> Result<(), ClientError> {
        let doing = match request {
            // An answer to the node, and what begins a connection, which is counted elsewhere.
            Request::Pong | Request::Connect(_) => return Ok(()),
            Request::Subscribe(_) => Some(Doing::Subscribe),
            Request::Publish { .. } | Request::Say { .. } => Some(Doing::Publish),
            _ => None,
        };
        if let Origin::Command(_) = origin {
            self.pace_one(Doing::Command, around)?;
        }
        doing.map_or(Ok(()), |doing| self.pace_one(doing, around))
    }

    fn pace_one(&mut self, doing: Doing, around: &Surroundings<'_>) -> Result<(), ClientError> {
        if let Some(rate) = around.per_connection.of(doing) {
            let meters = self.meters.get_or_insert_default();
            let meter = match doing {
                Doing::Subscribe => &mut meters.subscribe,
                Doing::Publish => &mut meters.publish,
                Doing::Command | Doing::Connect => &mut meters.command,
            };
            meter.take(rate, around.now).map_err(too_fast)?;
        }
        (around.admit)(doing, &self.user).map_err(too_fast)
    }
}

/// Counts that a client of this user connects. Its address was counted before.
pub(super) fn pace_connect(user: &UserId, around: &Surroundings<'_>) -> Result<(), ClientError> {
    (around.admit)(Doing::Connect, user).map_err(too_fast)
}

fn too_fast(retry_ms: u64) -> ClientError {
    ClientError::TooFast { retry_ms }
}
