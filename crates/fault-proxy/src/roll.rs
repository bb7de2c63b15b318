//! Which connections are carried.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All connections that are carried at the moment.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    count: AtomicUsize,
    /// The addresses that the upstream sees them come from.
    from: Mutex<BTreeSet<SocketAddr>>,
}

impl Roll {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether one of them comes from this address.
    pub(crate) fn carries(&self, from: SocketAddr) -> bool {
        self.from().contains(&from)
    }

    fn from(&self) -> MutexGuard<'_, BTreeSet<SocketAddr>> {
        // Sound wherever a panic leaves it: each change is one insertion.
        self.from.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is on the roll for as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted {
    roll: Arc<Roll>,
    from: Option<SocketAddr>,
}

impl Counted {
    /// One more, which has not come to the upstream yet.
    pub(crate) fn new(roll: &Arc<Roll>) -> Self {
        roll.count.fetch_add(1, Ordering::Relaxed);
        Self { roll: Arc::clone(roll), from: None }
    }

    /// The upstream sees it come from this address.
    pub(crate) fn comes_from(&mut self, from: Option<SocketAddr>) {
        self.roll.from().extend(from);
        self.from = from;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.roll.count.fetch_sub(1, Ordering::Relaxed);
        if let Some(from) = self.from {
            self.roll.from().remove(&from);
        }
    }
}
