//! The little that the log needs of a file system.
//!
//! [`Disk`](crate::Disk) is the real one; [`testing::FakeDisk`](crate::testing::FakeDisk) loses,
//! tears and refuses what real ones do.

use std::any::Any;
use std::io;
use std::path::Path;

pub use crate::error::is_full;

/// A directory tree.
///
/// What [`create`](Self::create), [`rename`](Self::rename) and [`remove`](Self::remove) did is on
/// disk only once [`sync_dir`](Self::sync_dir) has returned. "No room" is told by the error kinds
/// `StorageFull`, `QuotaExceeded` or `FileTooLarge`.
pub trait Files: Send + Sync + 'static {
    /// Makes a directory, its parents included, durably; it may exist.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes an empty file; one that is there is emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StoredFile>>;
    /// Opens a file that is there, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn StoredFile>>;
    /// Gives a file another name, over a file of that name if there is one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Returns once the names in a directory are on disk.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Locks a file, made if needed, until the guard is dropped or the process ends;
    /// `WouldBlock` if someone else has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// An open file. Used by one thread at a time.
pub trait StoredFile: Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Fills `into` from `offset`; `UnexpectedEof` if the file ends before.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`. After an error some of them may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything written is on disk. After an error it is unknown what is.
    fn sync_data(&self) -> io::Result<()>;
    /// Sets the length.
    fn truncate(&self, size: u64) -> io::Result<()>;
    /// Makes the file at least `size` bytes long, with zeros, and reserves the room, so that
    /// writing inside it does not run out of room where the file system can promise that.
    fn allocate(&self, size: u64) -> io::Result<()>;
}
