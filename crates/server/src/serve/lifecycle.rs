//! From ready to gone: signals, reloading, saying goodbye.
//!
//! ```text
//!   serving ──signal──> leaving ──delay──> draining ──everybody gone, or deadline──> gone
//!   ready               not ready,         clients are sent away,
//!                       still accepting    nobody new is let in
//! ```

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use trunkline_node::Node;
use trunkline_webhooks::Webhooks;

use crate::cli::Failure;

use super::duties::Duties;
use super::reload::Reload;
use super::routing::Routing;
use super::shards::Shards;

/// How often a draining node looks whether everybody has left.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long it may take until the outbox has what clients did last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What it takes to end a node well.
pub(super) struct Lifecycle {
    pub(super) node: Arc<Node>,
    /// Connections of all shards.
    pub(super) connections: Arc<AtomicUsize>,
    /// Whether load balancers should send clients here.
    pub(super) ready: Arc<AtomicBool>,
    /// How long clients are still let in once the node is not ready any more.
    pub(super) delay: Duration,
    /// Who is told what clients do.
    pub(super) webhooks: Option<Arc<Webhooks>>,
    /// What others are to go on with.
    pub(super) routing: Routing,
    /// Over how long clients are sent away.
    pub(super) spread: Duration,
    /// How long after the delay the node ends in any case.
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

/// Why serving has come to its end.
#[derive(PartialEq, Eq)]
enum End {
    Signal,
    TimeIsUp,
}

impl Lifecycle {
    /// Serves until a signal comes, then lets load balancers notice, then drains. `http` is told to
    /// end once the clients are gone. A second signal ends everything at once.
    pub(super) async fn run(
        mut self,
        mut shards: Shards,
        duties: &mut Duties,
        reload: Reload,
        announce: impl FnOnce(),
        http: &watch::Sender<bool>,
    ) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        self.ready.store(true, Ordering::Release);
        announce();
        self.serve(&mut signals, &mut shards, duties, &reload, pending()).await?;
        self.ready.store(false, Ordering::Release);
        tracing::info!(delay = ?self.delay, "not ready any more");
        // Whoever the balancer still sends is let in: a closed door would be an error to a client
        // that did nothing wrong.
        let end = self.serve(&mut signals, &mut shards, duties, &reload, sleep(self.delay)).await?;
        if end == End::TimeIsUp {
            self.drain(&mut signals).await;
        } else {
            tracing::warn!("ending at once");
        }
        http.send_replace(true);
        self.node.stop();
        let _ = tokio::task::spawn_blocking(|| shards.join()).await;
        self.routing.leave(&self.node).await;
        self.node.farewell();
        if let Some(webhooks) = &self.webhooks {
            webhooks.close(LAST_WORDS).await;
        }
        tracing::info!("gone");
        Ok(())
    }

    /// Serves until a signal comes or `time` is up.
    async fn serve(
        &mut self,
        signals: &mut Signals,
        shards: &mut Shards,
        duties: &mut Duties,
        reload: &Reload,
        time: impl Future<Output = ()>,
    ) -> Result<End, Failure> {
        let mut time = std::pin::pin!(time);
        loop {
            let Signals { terminate, interrupt, hang_up } = &mut *signals;
            tokio::select! {
                () = &mut time => return Ok(End::TimeIsUp),
                _ = terminate.recv() => return Ok(End::Signal),
                _ = interrupt.recv() => return Ok(End::Signal),
                _ = hang_up.recv() => reload.run(),
                Some(why) = shards.ended.recv() => {
                    let why = why.unwrap_or_else(|| "for no reason".to_owned());
                    return Err(Failure::refused(format_args!("a shard has ended: {why}")));
                }
                name = duties.broken() => {
                    return Err(Failure::refused(format_args!("a task has panicked: {name}")));
                }
                // Going on would mean to promise what cannot be kept. Clients come back to
                // another node, or to this one once it has been started again.
                Some(why) = self.storage_stopped.recv() => {
                    return Err(Failure::refused(format_args!("the storage has stopped: {why}")));
                }
            }
        }
    }

    /// Sends clients away and waits until they are gone, the deadline has come, or another signal.
    async fn drain(&self, signals: &mut Signals) {
        tracing::info!(spread = ?self.spread, "draining");
        self.node.drain(u64::try_from(self.spread.as_millis()).unwrap_or(u64::MAX));
        let end = Instant::now() + self.deadline;
        tokio::select! {
            () = async {
                self.everybody_gone(end).await;
                self.nobody_returns(end).await;
            } => {}
            () = signals.end() => tracing::warn!("ending at once"),
        }
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

    /// Waits for users who have left and may come back to another node: others are not to hear of
    /// a leave that a join follows.
    async fn nobody_returns(&self, end: Instant) {
        while self.node.awaits_returns() && Instant::now() < end {
            sleep(LOOK_EVERY).await;
        }
    }
}
