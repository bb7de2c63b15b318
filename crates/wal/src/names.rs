//! Names of files below the data directory.

use std::path::{Path, PathBuf};

/// Below the data directory: the directory of the log.
pub(crate) const DIRECTORY: &str = "wal";
/// Below the data directory: held by the one process that uses it.
pub(crate) const LOCK: &str = "lock";
/// Below the directory of the log: the checkpoint, and the store's identity.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The checkpoint file while it is being made.
pub(crate) const CHECKPOINT_NEW: &str = "checkpoint.new";

/// A segment, named by its number.
pub(crate) fn segment(number: u64) -> String {
    format!("{number:020}.wal")
}

/// The number of a segment, if this is the name of one.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

/// A file that is being made, to become a segment.
pub(crate) fn making(number: u64) -> String {
    format!("making-{number:020}")
}

/// True for a file that was being made. If the process ended meanwhile, nobody knows how much of it
/// is on disk.
pub(crate) fn is_making(name: &str) -> bool {
    name.starts_with("making-")
}

/// A former segment that waits to become one again.
pub(crate) fn spare(number: u64) -> String {
    format!("spare-{number:020}")
}

/// True for a file that waits to become a segment again.
pub(crate) fn is_spare(name: &str) -> bool {
    name.starts_with("spare-")
}

/// A free name for a segment that is set aside.
pub(crate) fn damaged(dir: &Path, taken: &[String], number: u64) -> PathBuf {
    let mut name = format!("damaged-{}", segment(number));
    let mut copy = 1;
    while taken.contains(&name) {
        copy += 1;
        name = format!("damaged-{}.{copy}", segment(number));
    }
    dir.join(name)
}
