//! The segments around the one being written: those that are full, and those that wait to be used
//! again.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{is_full, not_full};
use crate::files::{Files, StoredFile};
use crate::frame;
use crate::names;
use crate::record::Lsn;
use crate::segment::{HEADER, Header};

/// A segment that takes no more frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    pub(crate) number: u64,
    /// Its last record.
    pub(crate) last: Lsn,
}

/// Shared by the thread that writes, which takes spares, and whoever moves the checkpoint, who
/// makes them.
pub(crate) struct Shelf {
    files: Arc<dyn Files>,
    dir: PathBuf,
    spare_limit: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    closed: VecDeque<Closed>,
    spares: Vec<PathBuf>,
}

impl Shelf {
    pub(crate) fn new(files: Arc<dyn Files>, dir: PathBuf, spare_limit: usize) -> Self {
        Self { files, dir, spare_limit, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a full segment on the shelf; they come in order.
    pub(crate) fn close(&self, closed: Closed) {
        self.held().closed.push_back(closed);
    }

    /// Puts a file of the right size on the shelf, or removes it if there are enough.
    pub(crate) fn offer_spare(&self, path: PathBuf) -> io::Result<()> {
        let mut held = self.held();
        if held.spares.len() < self.spare_limit {
            held.spares.push(path);
            return Ok(());
        }
        drop(held);
        self.files.remove(&path)
    }

    /// Makes a segment ready for its first frame. It gets its name only when its header is on disk,
    /// so a segment whose header cannot be read was damaged later. An error that is "full" has
    /// changed nothing.
    pub(crate) fn new_segment(&self, header: &Header) -> io::Result<Box<dyn StoredFile>> {
        let spare = self.held().spares.pop();
        let (path, file) = match spare {
            Some(path) => (path.clone(), self.files.open(&path)?),
            None => self.reserve(header)?,
        };
        let start = [&header.encode()[..], &[0; HEADER + frame::HEAD - 64]].concat();
        let path_of_segment = self.dir.join(names::segment(header.number));
        let prepared = file
            .write_at(0, &start)
            .and_then(|()| file.sync_data().map_err(not_full))
            .and_then(|()| self.files.rename(&path, &path_of_segment));
        if let Err(error) = prepared {
            self.held().spares.push(path);
            return Err(error);
        }
        self.files.sync_dir(&self.dir).map_err(not_full)?;
        Ok(file)
    }

    /// Takes room on the disk.
    fn reserve(&self, header: &Header) -> io::Result<(PathBuf, Box<dyn StoredFile>)> {
        let path = self.dir.join(names::making(header.number));
        let file = self.files.create(&path)?;
        if let Err(error) = file.allocate(header.capacity) {
            if is_full(&error) {
                // What little was taken is given back; the next attempt begins anew in any case.
                drop(file);
                self.files.remove(&path)?;
            }
            return Err(error);
        }
        Ok((path, file))
    }

    /// Frees the segments that hold nothing behind a checkpoint which is on disk.
    pub(crate) fn release(&self, checkpoint: Lsn) -> io::Result<()> {
        let mut released = Vec::new();
        {
            let mut held = self.held();
            while held.closed.front().is_some_and(|closed| closed.last <= checkpoint) {
                released.extend(held.closed.pop_front());
            }
        }
        self.recycle(released.iter().map(|closed| closed.number))
    }

    /// Turns segments into spares. They are offered only once they have lost their names for good:
    /// else a crash could bring one back under its old name with a new header.
    pub(crate) fn recycle(&self, numbers: impl Iterator<Item = u64>) -> io::Result<()> {
        let mut spares = Vec::new();
        let mut changed = false;
        let room = self.spare_limit.saturating_sub(self.held().spares.len());
        for number in numbers {
            let path = self.dir.join(names::segment(number));
            let spare = self.dir.join(names::spare(number));
            changed = true;
            if spares.len() < room && renamed(&*self.files, &path, &spare)? {
                spares.push(spare);
            } else {
                self.files.remove(&path)?;
            }
        }
        if changed {
            self.files.sync_dir(&self.dir)?;
        }
        self.held().spares.extend(spares);
        Ok(())
    }
}

/// Renames; false if the directory has no room for the name.
fn renamed(files: &dyn Files, from: &Path, to: &Path) -> io::Result<bool> {
    match files.rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
