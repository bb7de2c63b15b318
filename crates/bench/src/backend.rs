//! What the bench has to be told of the durable backend that it measures.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use trunkline_core::backend::{Backend, Sink};

/// Opens the backend in a data directory, so that it delivers to the sink; what went wrong is said
/// in a line.
pub type OpenBackend = fn(&Path, Arc<dyn Sink>) -> Result<Opened, String>;

/// An open backend. When it is dropped, it closes: everything is on disk and the directory is free
/// to be opened again.
pub struct Opened {
    /// The port that publications go to.
    pub backend: Arc<dyn Backend>,
    /// What its log has written since it was opened.
    pub written: Box<dyn Fn() -> Written + Send + Sync>,
}

/// How much a log has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Batches, each flushed once.
    pub batches: u64,
    /// Bytes of these batches.
    pub bytes: u64,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("written", &(self.written)()).finish_non_exhaustive()
    }
}
