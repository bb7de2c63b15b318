//! Where event loops bring connections that are ordinary HTTP.

use std::sync::Arc;

use axum::Router;
use tokio::sync::{mpsc, watch};
use trunkline_shard::settings::HandOver;
use trunkline_transport::Handoff;

use super::handed_over::HandedOver;
use super::told;
use super::visitors::Visitors;

/// Connections that may wait to be served; beyond it, new ones are refused. They wait for
/// microseconds, unless there are more than can be served at once, and then waiting longer helps
/// nobody.
const WAITING: usize = 1024;

/// The receiving end.
pub(crate) struct Reception {
    arrivals: mpsc::Receiver<Handoff>,
    /// Whether connections may stay for another request; see [`Visitors::for_one_request`].
    may_stay: bool,
}

/// The two ends: what event loops call, which never blocks, and what serves.
pub(crate) fn reception() -> (Arc<HandOver>, Reception) {
    with_room_for(WAITING)
}

pub(super) fn with_room_for(waiting: usize) -> (Arc<HandOver>, Reception) {
    let (bring, arrivals) = mpsc::channel(waiting);
    let hand_over =
        move |handoff| bring.try_send(handoff).map_err(mpsc::error::TrySendError::into_inner);
    (Arc::new(hand_over), Reception { arrivals, may_stay: false })
}

impl Reception {
    /// Lets connections stay, so that a test can see what follows the first request.
    #[cfg(test)]
    pub(super) fn letting_stay(self) -> Self {
        Self { may_stay: true, ..self }
    }

    /// Serves what is brought until `stop` says true. Requests that have come by then are
    /// answered.
    pub(crate) async fn serve(mut self, router: Router, mut stop: watch::Receiver<bool>) {
        let mut visitors = Visitors::new(router);
        if !self.may_stay {
            visitors = visitors.for_one_request();
        }
        loop {
            tokio::select! {
                () = told(&mut stop) => break,
                () = visitors.one_leaves() => {}
                arrival = self.arrivals.recv(), if !visitors.is_full() => match arrival {
                    Some(handoff) => receive(&mut visitors, handoff),
                    None => break,
                },
            }
        }
        self.arrivals.close();
        while let Some(handoff) = self.arrivals.recv().await {
            receive(&mut visitors, handoff);
        }
        visitors.part().await;
    }
}

fn receive(visitors: &mut Visitors, handoff: Handoff) {
    match HandedOver::new(handoff) {
        Ok(io) => visitors.welcome(io),
        Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
    }
}
