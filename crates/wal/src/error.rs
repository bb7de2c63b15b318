//! What can go wrong: while opening or repairing a log, and while it runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::record::{Lsn, StoreId};

/// Why an append or a checkpoint was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// More waits to be flushed than the queue may hold. Nothing was done; later may succeed.
    #[error("the log is overloaded: {queued} bytes wait to be flushed, {limit} may")]
    Overloaded {
        /// Bytes that wait, including what they cost to keep.
        queued: usize,
        /// The bound, in bytes.
        limit: usize,
    },
    /// A record, or an append as a whole, is larger than allowed. Nothing was done.
    #[error("{size} {unit} in one append or record, {limit} are allowed")]
    TooLarge {
        /// What was given, in `unit`.
        size: usize,
        /// What is allowed, in `unit`.
        limit: usize,
        /// `bytes` or `records`.
        unit: &'static str,
    },
    /// An append without a record. Nothing was done.
    #[error("an append needs at least one record")]
    Empty,
    /// The disk has no room. Nothing of the append is in the log, nor will be, and the same is true
    /// of every append that was made after it and before all of them were told; what was
    /// acknowledged stays, and appends succeed again once there is room.
    #[error("the disk is full")]
    Full,
    /// The log has stopped after an I/O error. Whether appends that were waiting are in the log is
    /// known only after it has been opened again.
    #[error("the log has stopped: {reason}")]
    Failed {
        /// What failed, for people.
        reason: Arc<str>,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// A checkpoint beyond what is on disk. Nothing was done.
    #[error("a checkpoint at {lsn} is beyond the last durable record, {durable}")]
    BeyondDurable {
        /// The checkpoint asked for.
        lsn: Lsn,
        /// The last durable record.
        durable: Lsn,
    },
}

/// Why a log was not opened or not repaired. Nothing was lost by the attempt.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The options contradict each other.
    #[error("log options: {0}")]
    Options(&'static str),
    /// Another process has the data directory.
    #[error("{} is held by another process", file.display())]
    Locked {
        /// The lock file.
        file: PathBuf,
    },
    /// A file was damaged after it had been written, in a place that is not the end of the log.
    #[error(
        "{} is damaged at byte {offset}; `trunkline repair` cuts the log there and sets the rest aside",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The first byte that cannot be trusted.
        offset: u64,
    },
    /// A segment that must be there is not.
    #[error(
        "{} is missing; `trunkline repair` ends the log before it and sets the rest aside",
        file.display()
    )]
    Missing {
        /// The file that should be there.
        file: PathBuf,
    },
    /// A file that belongs to another store.
    #[error("{} belongs to store {found}, not to store {expected}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// The store it names.
        found: StoreId,
        /// The store of this directory.
        expected: StoreId,
    },
    /// A file of a format that this program does not know.
    #[error("{} has format version {found}; this program knows version {known}", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The version of this program.
        known: u32,
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

/// True if the system says that there is no room, be it the disk, a quota or a file size limit.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// "No room" told by a flush is not what it is when told by a write: what is on disk is unknown.
pub(crate) fn not_full(error: io::Error) -> io::Error {
    if is_full(&error) { io::Error::other(format!("while flushing: {error}")) } else { error }
}
