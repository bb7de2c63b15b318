//! How long to wait before a connection is made again.

use std::time::Duration;

use tokio::time::interval;

use crate::limits::{LONGEST_PAUSE, LOOK_EVERY, SHORTEST_PAUSE};

/// A pause that doubles with every failure, up to a bound, and of which each node waits another
/// share, so that not all of them come back at once ("full jitter").
pub(crate) struct Pause {
    next: Duration,
}

impl Pause {
    pub(crate) fn new() -> Self {
        Self { next: SHORTEST_PAUSE }
    }

    /// Begins again: something went well.
    pub(crate) fn reset(&mut self) {
        self.next = SHORTEST_PAUSE;
    }

    /// How long to wait now.
    pub(crate) fn take(&mut self) -> Duration {
        let share = random(self.next.as_millis().try_into().unwrap_or(1));
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Duration::from_millis(share.max(10))
    }
}

/// Waits for `work`, and looks after deadlines meanwhile.
pub(crate) async fn looking<T>(work: impl Future<Output = T>, look: impl Fn()) -> T {
    let looking = async {
        let mut every = interval(LOOK_EVERY);
        loop {
            every.tick().await;
            look();
        }
    };
    tokio::select! {
        done = work => done,
        never = looking => never,
    }
}

/// A number below `end`.
fn random(end: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without randomness everybody waits for as long, which is worse but works.
    let _ = getrandom::fill(&mut bytes);
    u64::from_ne_bytes(bytes) % end.max(1)
}
