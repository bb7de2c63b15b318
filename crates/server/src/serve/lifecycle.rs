//! From ready to gone: signals, reloading, draining.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use trunkline_node::Node;

use crate::cli::Failure;

use super::reload::Reload;
use super::shards::Shards;

/// How often a draining node looks whether everybody has left.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What it takes to end a node well.
pub(super) struct Lifecycle {
    pub(super) node: Arc<Node>,
    /// Connections of all shards.
    pub(super) connections: Arc<AtomicUsize>,
    /// Whether load balancers should send clients here.
    pub(super) ready: Arc<AtomicBool>,
    /// Over how long clients are sent away.
    pub(super) spread: Duration,
    /// When the node ends in any case.
    pub(super) deadline: Duration,
    /// Says why the backend has stopped, if it does.
    pub(super) storage_stopped: mpsc::UnboundedReceiver<String>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::trouble(format_args!("cannot watch signals: {error}")))
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Lifecycle {
    /// Serves until a signal comes, then drains. `http` is told to end once
    /// the clients are gone. A second signal ends everything at once.
    pub(super) async fn run(
        mut self,
        mut shards: Shards,
        reload: Reload,
        announce: impl FnOnce(),
        http: &watch::Sender<bool>,
    ) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        self.ready.store(true, Ordering::Release);
        announce();
        loop {
            let Signals { terminate, interrupt, hang_up } = &mut signals;
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => reload.run(),
                Some(why) = shards.ended.recv() => {
                    let why = why.unwrap_or_else(|| "for no reason".to_owned());
                    return Err(Failure::refused(format_args!("a shard has ended: {why}")));
                }
                // Going on would mean to promise what cannot be kept. Clients come back to
                // another node, or to this one once it has been started again.
                Some(why) = self.storage_stopped.recv() => {
                    return Err(Failure::refused(format_args!("the storage has stopped: {why}")));
                }
            }
        }
        self.ready.store(false, Ordering::Release);
        tracing::info!(spread = ?self.spread, "draining");
        self.node.drain(u64::try_from(self.spread.as_millis()).unwrap_or(u64::MAX));
        let end = Instant::now() + self.deadline;
        tokio::select! {
            () = self.everybody_gone(end) => {}
            () = signals.end() => tracing::warn!("ending at once"),
        }
        http.send_replace(true);
        self.node.stop();
        let _ = tokio::task::spawn_blocking(|| shards.join()).await;
        tracing::info!("gone");
        Ok(())
    }

    async fn everybody_gone(&self, end: Instant) {
        while self.connections.load(Ordering::Relaxed) > 0 {
            if Instant::now() >= end {
                let left = self.connections.load(Ordering::Relaxed);
                return tracing::warn!(left, "connections did not leave in time");
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
