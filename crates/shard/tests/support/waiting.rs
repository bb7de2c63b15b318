//! Waiting for what has to happen, with a deadline.

use std::time::{Duration, Instant};

/// Far more than anything on the loopback takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `holds` does; fails the test when it never does.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
