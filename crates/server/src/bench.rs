//! `trunkline bench`, with the backends that it measures.

use std::path::Path;
use std::sync::Arc;

use trunkline_backend_embedded::{EmbeddedBackend, Options};
use trunkline_backend_redis::{RedisBackend, RedisUrl, direct};
use trunkline_bench::{BenchArgs, BenchError, Opened, OverRedis, Started, Written};
use trunkline_core::backend::Sink;
use trunkline_core::signal::NodeId;

use crate::serve::wall_clock;

/// Runs the bench.
///
/// # Errors
/// Nothing could be measured, or a figure is beyond its target.
pub(crate) fn run(args: BenchArgs) -> Result<(), BenchError> {
    let over_redis =
        OverRedis { start, script: direct::script, command: direct::command, line: direct::line };
    trunkline_bench::run(args.with_backend(open).with_redis(over_redis))
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

/// Starts the backend as `serve --redis` does.
fn start(url: &str, prefix: &str, sink: Arc<dyn Sink>) -> Result<Started, String> {
    let options = trunkline_backend_redis::Options {
        servers: vec![RedisUrl::parse(url).map_err(|error| error.to_string())?],
        prefix: prefix.into(),
        tls_ca: None,
        sentinel_password: None,
        allow_eviction: false,
    };
    let backend = RedisBackend::start(&options, NodeId::new("bench"), sink);
    let backend = Arc::new(backend.map_err(|error| error.to_string())?);
    let asked = Arc::clone(&backend);
    Ok(Started { backend, trouble: Box::new(move || asked.trouble()) })
}
