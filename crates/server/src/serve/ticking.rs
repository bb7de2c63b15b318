//! The clock of the node: it has none of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use trunkline_core::time::Tick;
use trunkline_node::Node;
use trunkline_node::lines::Lines;

use super::wall_clock;

/// How often the node learns the time: as closely as its deadlines, of seconds each, have to be
/// kept.
const TICK_EVERY: Duration = Duration::from_millis(250);

/// Joins the node to the others, and tells it the time again and again.
pub(super) async fn tick(node: Arc<Node>, lines: Option<Arc<Lines>>) {
    let started = Instant::now();
    let now = || Tick(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    node.begin(now());
    let mut ticks = interval(TICK_EVERY);
    // After a pause it is late, not in a hurry.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        node.tick(now());
        if let Some(lines) = &lines {
            lines.tick(now(), wall_clock());
        }
    }
}
