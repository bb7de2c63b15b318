//! The clock of the node: it has none of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};
use trunkline_node::Node;
use trunkline_node::lines::Lines;

use super::{ticks_since, wall_clock};

/// How often the node learns the time: as closely as its deadlines, of seconds each, have to be
/// kept.
const TICK_EVERY: Duration = Duration::from_millis(250);

/// How often it is told of schedules that were removed: somebody may write thousands of them.
const TELL_OF_BAD_EVERY: Duration = Duration::from_secs(60);

/// Joins the node to the others, and tells it the time again and again.
///
/// It began for all at `started`: what shards say of times the node can compare with its own.
pub(super) async fn tick(node: Arc<Node>, lines: Option<Arc<Lines>>, started: Instant) {
    let now = || ticks_since(started);
    node.begin(now());
    let mut ticks = interval(TICK_EVERY);
    // After a pause it is late, not in a hurry.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        node.tick(now());
        node.recall_revocations(now(), wall_clock());
        if let Some(lines) = &lines {
            lines.tick(now(), wall_clock());
        }
    }
}

/// Has the node publish what was scheduled, whenever something may be due.
pub(super) async fn run_schedules(node: Arc<Node>, started: Instant) {
    let bell = Arc::new(Notify::new());
    let ringing = Arc::clone(&bell);
    node.on_schedules(Box::new(move || ringing.notify_one()));
    let mut was_off = false;
    let mut bad = 0;
    let mut told_of_bad = started;
    loop {
        let wait = node.run_schedules(ticks_since(started), wall_clock());
        let off = node.wrong_clock_ms();
        if let Some(off_ms) = off.filter(|_| !was_off) {
            tracing::warn!(
                off_ms,
                "this node's clock is not the backend's, by which schedules are due"
            );
        }
        was_off = off.is_some();
        let bad_now = node.metrics.node.schedules_bad.get();
        if bad_now > bad && (bad == 0 || told_of_bad.elapsed() >= TELL_OF_BAD_EVERY) {
            let count = bad_now - bad;
            tracing::warn!(count, "schedules were removed: no publication can be made of them");
            (bad, told_of_bad) = (bad_now, Instant::now());
        }
        // Rung or not, it is looked again: nothing hangs on one ring.
        let _ = timeout(Duration::from_millis(wait), bell.notified()).await;
    }
}

/// How long a node waits before it lets clients in. Without what was taken back they would all be told
/// to come back, each time a node starts; but it starts, too, while its broker is away.
const RECALL: Duration = Duration::from_secs(1);

/// Reads what was taken back, before there are clients.
pub(super) fn recall_revocations(node: &Node, started: Instant) {
    let begun = Instant::now();
    loop {
        node.recall_revocations(ticks_since(started), wall_clock());
        if node.knows_revocations() || begun.elapsed() >= RECALL {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
