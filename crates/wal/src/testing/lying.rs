//! Wrappers around files that break one promise each.
//!
//! A test of a log that does not fail with one of these does not test that promise.

use std::any::Any;
use std::io;
use std::path::Path;

use crate::error::is_full;
use crate::files::{Files, StoredFile};

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Flushing a file does nothing, as if a log acknowledged before it flushed.
    FlushNothing,
    /// Flushing a directory does nothing.
    FlushNoNames,
    /// Flushing a file whose name begins like this does nothing.
    FlushNot(&'static str),
    /// Bytes that seem to be there already are not written again, as if a log relied on what it
    /// reads after a flush that failed.
    WriteOnlyChanges,
    /// A write for which there is no room is said to have succeeded.
    HideFull,
    /// A flush that failed is said to have succeeded.
    HideFlushErrors,
}

/// Files that lie.
#[derive(Clone, Debug)]
pub struct Lying<F> {
    files: F,
    lie: Lie,
}

impl<F: Files> Lying<F> {
    /// Wraps files.
    pub fn new(files: F, lie: Lie) -> Self {
        Self { files, lie }
    }

    fn wrap(&self, file: Box<dyn StoredFile>, path: &Path) -> Box<dyn StoredFile> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let flushes = match self.lie {
            Lie::FlushNothing => false,
            Lie::FlushNot(beginning) => !name.starts_with(beginning),
            _ => true,
        };
        Box::new(LyingFile { file, lie: self.lie, flushes })
    }
}

impl<F: Files> Files for Lying<F> {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.files.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.files.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Ok(self.wrap(self.files.create(path)?, path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Ok(self.wrap(self.files.open(path)?, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.lie == Lie::FlushNoNames { Ok(()) } else { self.files.sync_dir(dir) }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.files.lock(path)
    }
}

struct LyingFile {
    file: Box<dyn StoredFile>,
    lie: Lie,
    flushes: bool,
}

impl StoredFile for LyingFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut there = vec![0; bytes.len()];
        let unchanged = self.lie == Lie::WriteOnlyChanges
            && self.file.read_at(offset, &mut there).is_ok()
            && there == bytes;
        match self.file.write_at(offset, if unchanged { &[] } else { bytes }) {
            Err(error) if self.lie == Lie::HideFull && is_full(&error) => Ok(()),
            result => result,
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.flushes {
            return Ok(());
        }
        match self.file.sync_data() {
            Err(_) if self.lie == Lie::HideFlushErrors => Ok(()),
            result => result,
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.file.allocate(size)
    }
}
