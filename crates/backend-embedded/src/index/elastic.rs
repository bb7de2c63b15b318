//! The index's file, which outlives a full disk.
//!
//! The store above it treats every error as the end. A disk without room is none: what finds no
//! room waits in memory, in order and with the flushes between, while the store goes on as if it
//! were written; and nobody calls it durable before [`Elastic::settle`] has written it. Meanwhile
//! no further changes are to be begun, so that what waits is bounded by one checkpoint.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;
use trunkline_wal::files::{StoredFile, is_full};

/// The file below the store.
pub(crate) struct Elastic {
    file: Box<dyn StoredFile>,
    waiting: Mutex<Waiting>,
    frozen: AtomicBool,
    /// A flush has failed: what is on disk is unknown, whatever is read.
    suspect: AtomicBool,
    /// Reads that are still allowed: a damaged tree may go round in circles.
    reads_left: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    changes: VecDeque<Change>,
    /// Bytes of the file with these changes.
    size: u64,
}

enum Change {
    Write(u64, Vec<u8>),
    Size(u64),
    Flush,
}

impl Elastic {
    pub(crate) fn new(file: Box<dyn StoredFile>) -> io::Result<Self> {
        let waiting = Mutex::new(Waiting { changes: VecDeque::new(), size: file.size()? });
        let (frozen, suspect) = (AtomicBool::new(false), AtomicBool::new(false));
        let reads_left = AtomicU64::new(u64::MAX);
        Ok(Self { file, waiting, frozen, suspect, reads_left })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something waits for room.
    pub(crate) fn is_full(&self) -> bool {
        !self.waiting().changes.is_empty()
    }

    /// Whether a flush has failed.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Acquire)
    }

    /// Allows so many reads from now on.
    pub(crate) fn allow_reads(&self, reads: u64) {
        self.reads_left.store(reads, Ordering::Relaxed);
    }

    /// Changes nothing any more, whatever the store above wants.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::Release);
    }

    /// Writes what waits; false if there still is no room for it. To be called while the store
    /// above changes nothing.
    pub(crate) fn settle(&self) -> io::Result<bool> {
        let mut waiting = self.waiting();
        while let Some(change) = waiting.changes.front() {
            match self.carry_out(change) {
                Ok(()) => {}
                Err(error) if is_full(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
            waiting.changes.pop_front();
        }
        Ok(true)
    }

    fn carry_out(&self, change: &Change) -> io::Result<()> {
        if self.frozen.load(Ordering::Acquire) {
            return Err(io::Error::other("the index is closed"));
        }
        match change {
            Change::Write(at, bytes) => self.file.write_at(*at, bytes),
            // Room is taken when the file grows, so that its pages can be written later.
            Change::Size(size) if *size > self.file.size()? => self.file.allocate(*size),
            Change::Size(size) => self.file.truncate(*size),
            Change::Flush => self.file.sync_data().map_err(|error| {
                self.suspect.store(true, Ordering::Release);
                // Told by a flush, "no room" says that nobody knows what is on disk.
                io::Error::other(format!("while flushing: {error}"))
            }),
        }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut waiting = self.waiting();
        if let Change::Size(size) = change {
            waiting.size = size;
        }
        if !waiting.changes.is_empty() {
            waiting.changes.push_back(change);
            return Ok(());
        }
        // Not held while the disk works: readers go on.
        drop(waiting);
        match self.carry_out(&change) {
            Err(error) if is_full(&error) => {
                // Part of it may be written; all of it will be written again.
                self.waiting().changes.push_back(change);
                Ok(())
            }
            result => result,
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let one_less = |left: u64| left.checked_sub(1);
        if self.reads_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return Err(io::Error::new(ErrorKind::InvalidData, "its pages lead nowhere"));
        }
        let waiting = self.waiting();
        if waiting.changes.is_empty() {
            drop(waiting);
            return self.file.read_at(offset, out);
        }
        let end = offset + out.len() as u64;
        if end > waiting.size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let there = self.file.size()?.clamp(offset, end) - offset;
        let (head, tail) = out.split_at_mut(there as usize);
        self.file.read_at(offset, head)?;
        tail.fill(0);
        for change in &waiting.changes {
            let (at, bytes) = match change {
                Change::Write(at, bytes) => (*at, bytes),
                Change::Size(size) => {
                    out[size.clamp(&offset, &end).saturating_sub(offset) as usize..].fill(0);
                    continue;
                }
                Change::Flush => continue,
            };
            let (from, to) = (at.max(offset), (at + bytes.len() as u64).min(end));
            if from < to {
                let (source, target) = ((from - at) as usize, (from - offset) as usize);
                let length = (to - from) as usize;
                out[target..target + length].copy_from_slice(&bytes[source..source + length]);
            }
        }
        Ok(())
    }
}

/// What the store above holds.
pub(crate) struct Handle(pub(crate) Arc<Elastic>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.waiting().size)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.change(Change::Size(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.change(Change::Flush)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.waiting().changes.is_empty() && !self.0.frozen.load(Ordering::Acquire) {
            // The usual way, without a copy.
            return match self.0.file.write_at(offset, data) {
                Err(error) if is_full(&error) => {
                    self.0.waiting().changes.push_back(Change::Write(offset, data.to_vec()));
                    Ok(())
                }
                result => result,
            };
        }
        self.0.change(Change::Write(offset, data.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use trunkline_wal::files::Files as _;
    use trunkline_wal::testing::{FakeDisk, Room};

    use super::*;

    #[test]
    fn what_finds_no_room_is_read_as_if_it_were_written_and_written_when_there_is_some() {
        let disk = FakeDisk::new(1);
        let path = Path::new("index");
        let elastic = Arc::new(Elastic::new(disk.create(path).unwrap()).unwrap());
        let handle = Handle(Arc::clone(&elastic));
        handle.set_len(8).unwrap();
        handle.write(0, b"abcdefgh").unwrap();
        disk.set_room(Room::CopyOnWrite(3));
        handle.set_len(12).unwrap();
        handle.write(2, b"CDE").unwrap();
        handle.sync_data().unwrap();
        handle.write(9, b"xyz").unwrap();
        assert!(elastic.is_full() && !elastic.settle().unwrap());
        let mut bytes = [1; 12];
        handle.read(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"abCDEfgh\0xyz");
        let mut part = [1; 3];
        handle.read(8, &mut part).unwrap();
        assert_eq!((&part, handle.len().unwrap()), (b"\0xy", 12));
        assert!(handle.read(10, &mut part).is_err());
        disk.set_room(Room::Plenty);
        assert!(elastic.settle().unwrap() && !elastic.is_full());
        assert_eq!(disk.bytes(path).unwrap(), b"abCDEfgh\0xyz");
    }
}
