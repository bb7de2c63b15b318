//! The suite that every backend passes. Between two lives the power goes: what was not flushed is
//! lost, torn or kept, in any order, on a disk that does so from a seed. What a real disk keeps over
//! restarts, `port` asks.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_backend_embedded::{EmbeddedBackend, Options};
use trunkline_conformance::Subject;
use trunkline_conformance::notes::{Keeper, NotesSubject};
use trunkline_core::backend::{Backend, Sink};
use trunkline_core::signal::NodeId;
use trunkline_core::time::WallTime;
use trunkline_wal::testing::FakeDisk;

/// A disk, and a clock.
struct Embedded {
    disk: FakeDisk,
    now: Arc<AtomicU64>,
}

impl Embedded {
    fn backend(&self, sink: Arc<dyn Sink>) -> EmbeddedBackend {
        self.disk.restart_after_power_loss();
        let now = Arc::clone(&self.now);
        let clock = Box::new(move || WallTime(now.load(Ordering::Relaxed)));
        let failed = |reason: &str| panic!("the disk failed: {reason}");
        // Segments are made in full; the largest publication has to fit in one.
        let log = trunkline_wal::Options {
            segment_bytes: 4 << 20,
            record_bytes: 2 << 20,
            batch_bytes: 2 << 20,
            ..trunkline_wal::Options::default()
        };
        let options = Options { log, ..Options::default() };
        let (disk, data) = (self.disk.clone(), Path::new("data"));
        let opened = EmbeddedBackend::open_with(disk, data, options, sink, clock, failed);
        opened.unwrap().0
    }
}

impl Subject for Embedded {
    fn open(&self, _: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend> {
        Box::new(self.backend(sink))
    }

    fn advance(&self, millis: u64) -> bool {
        self.now.fetch_add(millis, Ordering::Relaxed);
        true
    }
}

fn subject() -> Embedded {
    Embedded { disk: FakeDisk::new(1), now: Arc::new(AtomicU64::new(1_000_000)) }
}

impl NotesSubject for Embedded {
    fn open_keeper(&self, _: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Keeper> {
        Box::new(self.backend(sink))
    }
}

trunkline_conformance::conformance!(subject);
trunkline_conformance::conformance_of_notes!(subject);
