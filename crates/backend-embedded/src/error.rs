//! What can go wrong while a data directory is opened or repaired.

use std::io;
use std::path::{Path, PathBuf};

/// Why a data directory was not opened or not repaired. Nothing was lost by the attempt.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log says why.
    #[error(transparent)]
    Log(#[from] trunkline_wal::OpenError),
    /// The index, or what the log says about it, was damaged.
    #[error(
        "{} is damaged: {reason}; `trunkline repair` saves what can be saved and sets it aside",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The index is not there, and the log does not hold everything any more.
    #[error("{} is missing; `trunkline repair` goes on with what the log still holds", file.display())]
    Missing {
        /// The file that should be there.
        file: PathBuf,
    },
    /// The index is that of another store.
    #[error(
        "{} belongs to another store than the log; `trunkline repair` sets it aside",
        file.display()
    )]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The index was written by another version of this program.
    #[error("{} has format version {found}; this program knows version {known}", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The version of this program.
        known: u32,
    },
    /// A repair was begun and did not end.
    #[error("a repair of {} was interrupted; run `trunkline repair` again", data.display())]
    Repairing {
        /// The data directory.
        data: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Names what was tried on which file, for `map_err`.
pub(crate) fn io_at(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let file = file.to_owned();
    move |source| OpenError::Io { action, file, source }
}
