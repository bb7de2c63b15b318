//! `trunkline bench`, with the durable backend that it measures.

use std::path::Path;
use std::sync::Arc;

use trunkline_backend_embedded::{EmbeddedBackend, Options};
use trunkline_bench::{BenchArgs, BenchError, Opened, Written};
use trunkline_core::backend::Sink;

use crate::serve::wall_clock;

/// Runs the bench.
///
/// # Errors
/// Nothing could be measured, or a figure is beyond its target.
pub(crate) fn run(args: BenchArgs) -> Result<(), BenchError> {
    trunkline_bench::run(args.with_backend(open))
}

/// Opens the backend as `serve` does by default.
fn open(data_dir: &Path, sink: Arc<dyn Sink>) -> Result<Opened, String> {
    let stopped = |why: &str| tracing::error!(why, "the backend has stopped");
    let (backend, _) =
        EmbeddedBackend::open(data_dir, Options::default(), sink, Box::new(wall_clock), stopped)
            .map_err(|error| error.to_string())?;
    let backend = Arc::new(backend);
    let log = Arc::clone(&backend);
    let written = move || {
        let progress = log.progress();
        Written { batches: progress.batches, bytes: progress.bytes }
    };
    Ok(Opened { backend, written: Box::new(written) })
}
