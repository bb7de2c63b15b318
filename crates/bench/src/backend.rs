//! What the bench has to be told of the backends that it measures.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use trunkline_core::backend::{Backend, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Draft;

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

/// Starts the backend of a node on the Redis at a URL, with names that begin with a prefix, so that
/// it delivers to the sink; what went wrong is said in a line.
pub type StartBackend = fn(url: &str, prefix: &str, sink: Arc<dyn Sink>) -> Result<Started, String>;

/// The backend over Redis, and what it says to Redis, for a floor that says the same.
#[derive(Debug, Clone, Copy)]
pub struct OverRedis {
    /// Starts the backend of a node.
    pub start: StartBackend,
    /// The script that publishes.
    pub script: fn() -> &'static str,
    /// The whole command by which a draft is published, with the id of the message.
    pub command: fn(prefix: &str, draft: &Draft, id: &str) -> Vec<u8>,
    /// The line on which a channel is heard.
    pub line: fn(prefix: &str, channel: &ChannelName) -> String,
}

/// A backend that has been started. When it is dropped, it leaves Redis.
pub struct Started {
    /// The port that publications go to.
    pub backend: Arc<dyn Backend>,
    /// What is wrong at the moment; `None` when everything that is listened to is heard.
    pub trouble: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("trouble", &(self.trouble)()).finish_non_exhaustive()
    }
}
