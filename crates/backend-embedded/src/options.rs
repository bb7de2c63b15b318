//! Sizes and times of the backend, each with its unit, its default and its reason.

use trunkline_core::time::WallTime;

/// Tells the time; a test brings its own.
pub type Clock = Box<dyn Fn() -> WallTime + Send + Sync>;

/// How streams are kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of streams that are kept in memory, so that most history is read without the disk
    /// (256 MiB). The least recently used ones make room. Twice as much, when streams cannot make
    /// room fast enough, is overload.
    pub cache_bytes: usize,
    /// Bytes of the log after which the index is brought up to date (256 MiB): bounds the time a
    /// start takes, and the room the log takes.
    pub checkpoint_bytes: u64,
    /// Milliseconds after which the same is done, if anything has changed (10 s). What is
    /// overwritten within that time never touches the index.
    pub checkpoint_ms: u64,
    /// Bytes of the index that are kept in memory (32 MiB): its upper pages. What is read from it
    /// stays in memory as streams.
    pub index_cache_bytes: usize,
    /// Sizes of the log.
    pub log: trunkline_wal::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 256 << 20,
            checkpoint_bytes: 256 << 20,
            checkpoint_ms: 10_000,
            index_cache_bytes: 32 << 20,
            log: trunkline_wal::Options::default(),
        }
    }
}
