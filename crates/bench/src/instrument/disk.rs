//! The directory, and so the disk, that durable scenarios write to.

use std::path::Path;

use tempfile::TempDir;

use crate::error::{BenchError, Doing};

/// `f_type` of a file system that lives in memory (`statfs(2)`).
const TMPFS: i64 = 0x0102_1994;

/// A private directory below `parent`, or below the current directory; gone when dropped.
///
/// # Errors
/// It cannot be made there.
pub(crate) fn directory(parent: Option<&Path>) -> Result<TempDir, BenchError> {
    let parent = parent.unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix("trunkline-bench-")
        .tempdir_in(parent)
        .doing(&format!("creating a directory in {}", parent.display()))
}

/// Whether a directory is on no disk at all, so that nothing measured there says anything.
///
/// # Errors
/// It cannot be asked.
pub(crate) fn is_memory(directory: &Path) -> Result<bool, BenchError> {
    let told = rustix::fs::statfs(directory).doing("asking for the file system")?;
    Ok(told.f_type as i64 == TMPFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_away_when_it_is_dropped() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(Some(parent.path())).unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "x").unwrap();
        drop(directory);
        assert!(!path.exists());
        assert!(parent.path().exists());
    }
}
