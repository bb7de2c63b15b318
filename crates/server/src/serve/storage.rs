//! What keeps the streams: the backend, and what it needs from whoever runs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use trunkline_backend_embedded::{EmbeddedBackend, Options};
use trunkline_backend_memory::MemoryBackend;
use trunkline_backend_redis::{Hearer, RedisBackend, RedisRoster, RosterOptions};
use trunkline_config::{Config, Keeping};
use trunkline_core::backend::{Backend, Sink};
use trunkline_core::note::Notes;
use trunkline_core::roster::Roster;
use trunkline_core::signal::NodeId;
use trunkline_node::lines::Lines;
use trunkline_node::presence::LocalRoster;
use trunkline_telemetry::Metrics;

use crate::cli::Failure;

use super::{redis, wall_clock};

/// How often a backend gives back what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// A backend, by its kind.
#[derive(Clone)]
pub(super) enum Storage {
    /// Streams in memory.
    Memory(Arc<MemoryBackend>),
    /// Streams on disk.
    Embedded(Arc<EmbeddedBackend>),
    /// Streams and presence in Redis.
    Redis(Shared),
}

/// What a node has in Redis.
#[derive(Clone)]
pub(super) struct Shared {
    backend: Arc<RedisBackend>,
    /// What the node remembers of the streams.
    lines: Arc<Lines>,
    roster: Arc<RedisRoster>,
}

impl Storage {
    /// Opens what the configuration asks for. Why it stops, if it ever does, comes through the
    /// receiver: the node must not go on then.
    pub(super) fn open(
        config: &Config,
        node: &NodeId,
        metrics: &Arc<Metrics>,
        sink: Arc<dyn Sink>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<String>), Failure> {
        // Bounded by its sender: a backend stops once.
        let (tell, stopped) = mpsc::unbounded_channel();
        let storage = match config.storage.keeping() {
            Keeping::Memory => {
                Self::Memory(Arc::new(MemoryBackend::new(sink, Box::new(wall_clock))))
            }
            Keeping::Embedded(data_dir) => {
                let options = Options {
                    cache_bytes: config.storage.cache_bytes,
                    checkpoint_bytes: config.storage.log_bytes as u64,
                    ..Options::default()
                };
                let on_failure = move |why: &str| {
                    // Nobody listens any more once the node is going down.
                    let _ = tell.send(why.to_owned());
                };
                let (backend, opened) = EmbeddedBackend::open(
                    &data_dir,
                    options,
                    sink,
                    Box::new(wall_clock),
                    on_failure,
                )
                .map_err(Failure::trouble)?;
                tracing::info!(data_dir = %data_dir.display(), ?opened, "streams are on disk");
                Self::Embedded(Arc::new(backend))
            }
            Keeping::Redis => {
                let options = redis::options(config).map_err(Failure::trouble)?;
                let lines = Lines::new(sink, config.namespaces(), Arc::clone(metrics));
                let backend = RedisBackend::start(&options, node.clone(), lines.clone())
                    .map_err(|error| Failure::trouble(format_args!("redis: {error}")))?;
                let backend = Arc::new(backend);
                lines.stand_before(backend.clone());
                let roster = backend.roster(RosterOptions::default());
                Self::Redis(Shared { backend, lines, roster })
            }
        };
        Ok((storage, stopped))
    }

    /// The port.
    pub(super) fn backend(&self) -> Arc<dyn Backend> {
        match self {
            Self::Memory(backend) => backend.clone(),
            Self::Embedded(backend) => backend.clone(),
            Self::Redis(shared) => shared.lines.clone(),
        }
    }

    /// What keeps notes.
    pub(super) fn notes(&self) -> Arc<dyn Notes> {
        match self {
            Self::Memory(backend) => backend.clone(),
            Self::Embedded(backend) => backend.clone(),
            Self::Redis(shared) => shared.backend.clone(),
        }
    }

    /// Why clients should not be sent here at the moment, if there is a reason.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            Self::Memory(_) | Self::Embedded(_) => None,
            Self::Redis(shared) => shared.backend.trouble(),
        }
    }

    /// What the node remembers of streams that others keep too.
    pub(super) fn lines(&self) -> Option<Arc<Lines>> {
        match self {
            Self::Memory(_) | Self::Embedded(_) => None,
            Self::Redis(shared) => Some(shared.lines.clone()),
        }
    }

    /// Listens to what others say in Redis, if that is where streams are.
    pub(super) fn hear_foreign(&self, names: Vec<String>, told: &Hearer) {
        if let Self::Redis(shared) = self {
            shared.backend.hear_foreign(names, told);
        }
    }

    /// Who is in which channel.
    pub(super) fn roster(&self) -> Arc<dyn Roster> {
        match self {
            Self::Memory(_) | Self::Embedded(_) => Arc::new(LocalRoster::new(self.backend())),
            Self::Redis(shared) => shared.roster.clone(),
        }
    }

    /// Gives back what has expired, again and again.
    pub(super) async fn keep_tidy(self) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        loop {
            ticks.tick().await;
            match &self {
                Self::Memory(backend) => backend.sweep(),
                Self::Embedded(backend) => backend.sweep(),
                Self::Redis(..) => {}
            }
        }
    }

    /// Finishes what waits for the disk, or for Redis. The clients are gone.
    pub(super) fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(shared) => {
                shared.roster.close();
                Ok(())
            }
            Self::Embedded(backend) => backend.close().map_err(Failure::refused),
        }
    }
}
