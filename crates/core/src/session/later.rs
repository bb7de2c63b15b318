//! What a client asks for before it can have it.

use crate::command::Request;
use crate::limits::{ASKS_IN_FLIGHT, Limits, WAITING_BYTES};

use super::Origin;

/// Requests that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Later {
    requests: Vec<(Origin, Request<'static>)>,
    bytes: usize,
}

impl Later {
    /// Keeps a request, unless there are too many: there is room for all channels of a client that
    /// comes back, and for as much as it may ask at a time otherwise. Nor may they be too large: it
    /// may be a client of which nothing is known yet.
    pub(super) fn keep(&mut self, origin: Origin, request: Request<'_>, limits: &Limits) -> bool {
        let bytes = self.bytes + request.bytes();
        let most = limits.channels_per_connection + ASKS_IN_FLIGHT;
        let room = self.requests.len() < most && bytes <= WAITING_BYTES.max(limits.message_bytes);
        if room {
            self.bytes = bytes;
            self.requests.push((origin, request.into_owned()));
        }
        room
    }
}

impl IntoIterator for Later {
    type Item = (Origin, Request<'static>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.requests.into_iter()
    }
}
