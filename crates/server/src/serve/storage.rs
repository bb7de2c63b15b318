//! What keeps the streams: the backend, and what it needs from whoever runs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use trunkline_backend_embedded::{EmbeddedBackend, Options};
use trunkline_backend_memory::MemoryBackend;
use trunkline_config::{Config, Keeping};
use trunkline_core::backend::{Backend, Sink};
use trunkline_core::roster::Roster;
use trunkline_node::presence::LocalRoster;

use crate::cli::Failure;

use super::wall_clock;

/// How often a backend gives back what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// A backend, by its kind.
#[derive(Clone)]
pub(super) enum Storage {
    /// Streams in memory.
    Memory(Arc<MemoryBackend>),
    /// Streams on disk.
    Embedded(Arc<EmbeddedBackend>),
}

impl Storage {
    /// Opens what the configuration asks for. Why it stops, if it ever does, comes through the
    /// receiver: the node must not go on then.
    pub(super) fn open(
        config: &Config,
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
        };
        Ok((storage, stopped))
    }

    /// The port.
    pub(super) fn backend(&self) -> Arc<dyn Backend> {
        match self {
            Self::Memory(backend) => backend.clone(),
            Self::Embedded(backend) => backend.clone(),
        }
    }

    /// Who is in which channel.
    pub(super) fn roster(&self) -> Arc<dyn Roster> {
        Arc::new(LocalRoster::new(self.backend()))
    }

    /// Gives back what has expired, again and again.
    pub(super) async fn keep_tidy(self) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        loop {
            ticks.tick().await;
            match &self {
                Self::Memory(backend) => backend.sweep(),
                Self::Embedded(backend) => backend.sweep(),
            }
        }
    }

    /// Finishes what waits for the disk. The clients are gone.
    pub(super) fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Embedded(backend) => backend.close().map_err(Failure::refused),
        }
    }
}
