//! The suite that every backend passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_backend_memory::MemoryBackend;
use trunkline_conformance::Subject;
use trunkline_conformance::notes::{Keeper, NotesSubject};
use trunkline_core::backend::{Backend, Sink};
use trunkline_core::signal::NodeId;
use trunkline_core::time::WallTime;

/// A process after the other, with one clock.
struct Memory {
    now: Arc<AtomicU64>,
}

impl Memory {
    fn backend(&self, sink: Arc<dyn Sink>) -> MemoryBackend {
        let now = Arc::clone(&self.now);
        let clock = Box::new(move || WallTime(now.load(Ordering::Relaxed)));
        MemoryBackend::new(sink, clock)
    }
}

impl Subject for Memory {
    fn open(&self, _: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend> {
        Box::new(self.backend(sink))
    }

    fn advance(&self, millis: u64) -> bool {
        self.now.fetch_add(millis, Ordering::Relaxed);
        true
    }
}

fn subject() -> Memory {
    Memory { now: Arc::new(AtomicU64::new(1_000_000)) }
}

impl NotesSubject for Memory {
    fn open_keeper(&self, _: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Keeper> {
        Box::new(self.backend(sink))
    }
}

trunkline_conformance::conformance!(subject);
trunkline_conformance::conformance_of_notes!(subject);
