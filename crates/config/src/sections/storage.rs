//! `[storage]`: what keeps the streams of channels.

use std::path::PathBuf;

use super::Section;
use crate::key::{Key, Kind};

const MIB: usize = 1024 * 1024;
const GIB: usize = 1024 * MIB;

/// What keeps the streams of channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    pub(crate) backend: &'static str,
    pub(crate) data_dir: Option<PathBuf>,
    /// Bytes of streams that are held in memory, beside their place on disk.
    pub cache_bytes: usize,
    /// Bytes of the log after which what it holds is put in order.
    pub log_bytes: usize,
}

/// Where streams are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In the memory of the process, gone when it ends.
    Memory,
    /// On disk, in this directory.
    Embedded(PathBuf),
    /// In Redis, shared by several nodes.
    Redis,
}

/// The directory if nothing else is said: beside whatever the node is started in.
const DATA_DIR: &str = "trunkline-data";

/// The names of the backends.
const EMBEDDED: &str = "embedded";
const MEMORY: &str = "memory";
const REDIS: &str = "redis";

impl Storage {
    /// Where streams are kept.
    #[must_use]
    pub fn keeping(&self) -> Keeping {
        match self.backend {
            MEMORY => Keeping::Memory,
            REDIS => Keeping::Redis,
            _ => Keeping::Embedded(self.data_dir()),
        }
    }

    /// The directory of the embedded backend, whether it is used or not.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| DATA_DIR.into())
    }

    /// Keeps nothing beyond the process, unless a directory is named.
    pub(crate) fn in_memory() -> Self {
        Self { backend: MEMORY, ..Self::default() }
    }

    /// An address of Redis was named.
    pub(crate) fn use_redis(&mut self) {
        self.backend = REDIS;
    }

    /// A directory was named where only the embedded backend can be meant.
    pub(crate) fn use_directory(&mut self) {
        self.backend = EMBEDDED;
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            backend: EMBEDDED,
            data_dir: Some(DATA_DIR.into()),
            cache_bytes: 256 * MIB,
            log_bytes: 256 * MIB,
        }
    }
}

pub(super) const SECTION: Section = Section {
    name: "storage",
    doc: "What keeps the streams of channels.",
    keys: &[
        Key::new(
            "storage.backend",
            Kind::Choice(|config| &mut config.storage.backend, &[EMBEDDED, MEMORY, REDIS]),
            "`embedded` keeps streams on the disk of this node: what was acknowledged is there \
             after a crash. `memory` keeps them until the process ends. `redis` keeps them in Redis, \
             where several nodes share them.",
        ),
        Key::new(
            "storage.data_dir",
            Kind::Path(|config| &mut config.storage.data_dir),
            "The directory of the embedded backend, made if need be. One process has it at a \
             time. `serve --data-dir` sets it too, and chooses the embedded backend.",
        ),
        Key::new(
            "storage.cache_bytes",
            Kind::Size(|config| &mut config.storage.cache_bytes, MIB, 1024 * GIB),
            "Bytes of streams held in memory by the embedded backend, so that who comes back is \
             served without a disk; streams unused for longest are read again when wanted.",
        ),
        Key::new(
            "storage.log_bytes",
            Kind::Size(|config| &mut config.storage.log_bytes, 64 * MIB, 64 * GIB),
            "Bytes the log of the embedded backend gains before its records are moved to the \
             index. More makes busy nodes faster, and a start after a crash slower.",
        ),
    ],
};
