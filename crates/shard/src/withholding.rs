//! Requests whose answer waits until it is known who comes.

use trunkline_core::error::CloseReason;
use trunkline_core::hub::ConnectionKey;
use trunkline_telemetry::UpgradeFailure;
use trunkline_transport::write_response;

use crate::shard::Shard;

impl Shard {
    /// Whether nothing may be said yet, as the request was not answered. Who talks all the same does
    /// so against RFC 6455, section 4.1.
    pub(crate) fn is_withheld(&self, key: ConnectionKey) -> bool {
        let visit = self.connections.get(key as usize).and_then(|c| c.visit.as_ref());
        visit.is_some_and(|visit| !visit.withheld.is_empty())
    }

    /// The client is let in: its request is answered, before anything else is said.
    pub(crate) fn let_in(&mut self, key: ConnectionKey) {
        let calls = self.settings.policy.calls;
        let connection = &mut self.connections[key as usize];
        let Some(visit) = &mut connection.visit else { return };
        let head = std::mem::take(&mut visit.withheld);
        // Whoever is asked once only needs not to see them again.
        let asks_again = calls.refresh
            || calls.subscribe
            || calls.publish
            || calls.sub_refresh
            || calls.rpc
            || (calls.connect && self.settings.policy.lets_anybody_in());
        if !asks_again {
            visit.headers = Default::default();
        }
        if visit.address.is_none() && visit.headers.is_empty() {
            connection.visit = None;
        }
        self.answer_with(key, |out| out.extend_from_slice(&head));
    }

    /// Answers a request that waits with the status for the reason; false if none waits.
    pub(crate) fn turn_away(&mut self, key: ConnectionKey, reason: &CloseReason) -> bool {
        let visit = self.connections[key as usize].visit.as_mut();
        if visit.is_none_or(|visit| std::mem::take(&mut visit.withheld).is_empty()) {
            return false;
        }
        let (status, words) = status(reason);
        let headers: &[(&str, &str)] = match status {
            // RFC 9110, section 15.5.2: it has to say how one could be let in.
            401 => &[("WWW-Authenticate", "Bearer")],
            429 | 503 => &[("Retry-After", "1")],
            _ => &[],
        };
        let body = format!("{words}\n");
        self.answer_with(key, |out| {
            write_response(out, status, "text/plain; charset=utf-8", headers, body.as_bytes());
        });
        self.counters().upgrade_errors.add(UpgradeFailure::Identity, 1);
        self.leave_open(key, false);
        true
    }
}

fn status(reason: &CloseReason) -> (u16, &'static str) {
    match reason {
        CloseReason::InvalidToken | CloseReason::Unauthorized | CloseReason::Expired => {
            (401, "unauthorized: show a valid token, or log in")
        }
        CloseReason::PermissionDenied | CloseReason::Custom(..) => (403, "not for this client"),
        CloseReason::TooManyRequests => (429, "too many requests"),
        CloseReason::Unavailable
        | CloseReason::Shutdown
        | CloseReason::Internal
        | CloseReason::Stale
        | CloseReason::ConnectionLimit => (503, "temporarily unavailable"),
        _ => (400, "the request makes no sense"),
    }
}
