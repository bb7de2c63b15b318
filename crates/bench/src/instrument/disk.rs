//! The directory, and so the disk, that durable scenarios write to.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::error::{BenchError, Doing};

/// `f_type` of a file system that lives in memory (`statfs(2)`).
const TMPFS: i64 = 0x0102_1994;
/// Zeros written at a time.
const CHUNK: usize = 1 << 20;

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

/// A file of `bytes` zeros, on disk: writing over it needs no new room.
///
/// # Errors
/// The disk is full, say.
pub(crate) fn filled(path: &Path, bytes: u64) -> Result<File, BenchError> {
    let what = format!("filling {}", path.display());
    let file = File::create(path).doing(&what)?;
    let zeros = vec![0; CHUNK];
    let mut at = 0;
    while at < bytes {
        let step = (bytes - at).min(CHUNK as u64);
        file.write_all_at(&zeros[..step as usize], at).doing(&what)?;
        at += step;
    }
    file.sync_all().doing(&what)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_file_has_its_size_and_its_directory_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(Some(parent.path())).unwrap();
        let path = directory.path().join("file");
        let file = filled(&path, CHUNK as u64 + 5).unwrap();
        assert_eq!(file.metadata().unwrap().len(), CHUNK as u64 + 5);
        drop(directory);
        assert!(!path.exists());
        assert!(parent.path().exists());
    }
}
