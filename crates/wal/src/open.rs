//! Opening a log: reading what is there, cutting off what a crash left unfinished, and making sure
//! that what was read is on disk before anyone relies on it.

use std::any::Any;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::{OpenError, io_at};
use crate::files::{Files, StoredFile};
use crate::frame;
use crate::marker::{self, Marker};
use crate::names;
use crate::options::Options;
use crate::queue::Queue;
use crate::record::{Lsn, Record, StoreId};
use crate::segment::{HEADER, Header};
use crate::shelf::{Closed, Shelf};
use crate::survey::{Sound, Survey, segment_path, survey};
use crate::writer::{Shared, Writer};

/// What was found when a log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The identity of the store.
    pub store: StoreId,
    /// The checkpoint; the records behind it were replayed.
    pub checkpoint: Lsn,
    /// The number that the next record will have.
    pub next: Lsn,
    /// An unfinished batch that was cut off the end, if there was one.
    pub torn: Option<Torn>,
}

/// A batch that was being written when the process or the machine stopped, or that found no room.
/// None of its records was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub file: PathBuf,
    /// Where the batch begins.
    pub offset: u64,
    /// Its bytes, or at least those of its beginning if its length cannot be told.
    pub bytes: u64,
}

/// A log in order, before its thread runs.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    pub(crate) marker: Marker,
    pub(crate) recovered: Recovered,
}

/// The lock of a data directory, held until every clone is dropped or the process ends.
#[derive(Clone)]
pub struct Lock {
    _guard: Arc<dyn Any + Send + Sync>,
}

impl Lock {
    /// Takes the lock of a data directory, which is made if needed.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while another process has it; [`OpenError::Io`].
    pub fn take(data: &Path, files: &dyn Files) -> Result<Self, OpenError> {
        let dir = data.join(names::DIRECTORY);
        files.create_dir(&dir).map_err(io_at("make", &dir))?;
        let file = data.join(names::LOCK);
        let guard = files.lock(&file).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => OpenError::Locked { file },
            _ => io_at("lock", &file)(error),
        })?;
        Ok(Self { _guard: Arc::from(guard) })
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// Opens the log of a data directory whose lock is held, or makes it.
pub(crate) fn open(
    lock: Lock,
    data: &Path,
    options: &Options,
    files: &Arc<dyn Files>,
    replay: &mut dyn FnMut(Lsn, Record<'_>),
) -> Result<Opened, OpenError> {
    options.check()?;
    let dir = data.join(names::DIRECTORY);
    let mut marker = read_marker(&**files, &dir, options)?;
    let shelf = Shelf::new(Arc::clone(files), dir.clone(), options.spare_segments);
    let mut found = survey(&**files, &dir, &marker, options.believe_checksums, replay)?;
    if found.numbers.is_empty() && marker.is_new() {
        let header = first_segment(&marker, 1, options);
        shelf.new_segment(&header).map_err(io_at("make", &segment_path(&dir, 1)))?;
        found = survey(&**files, &dir, &marker, options.believe_checksums, replay)?;
    }
    let (Some(last), None) = (found.sound.last().copied(), found.error(&dir)) else {
        return Err(found.error(&dir).unwrap_or(OpenError::Missing { file: dir }));
    };
    confirm(&**files, &dir, &mut marker)?;
    let file = settle(&**files, &dir, &last)?;
    tidy(&**files, &dir, &found, &shelf, options)?;

    let path = segment_path(&dir, last.header.number);
    let torn = (last.walk.broken > 0).then_some(Torn {
        file: path,
        offset: last.walk.end as u64,
        bytes: last.walk.broken as u64,
    });
    if let Some(torn) = &torn {
        let file = torn.file.display();
        tracing::warn!(%file, torn.offset, torn.bytes, "an unfinished batch was cut off the log");
    }
    let next = last.walk.next;
    let recovered = Recovered { store: marker.store, checkpoint: marker.lsn, next, torn };
    let shared = Arc::new(Shared {
        queue: Queue::new(options),
        shelf,
        durable: AtomicU64::new(next.before().0),
        batches: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        on_failure: options.on_failure.clone(),
    });
    let writer = Writer {
        shared,
        store: marker.store,
        capacity: options.segment_bytes,
        file,
        header: last.header,
        end: last.walk.end as u64,
        next,
        _lock: lock,
    };
    Ok(Opened { writer, marker, recovered })
}

/// The header of a segment with none before it.
pub(crate) fn first_segment(marker: &Marker, number: u64, options: &Options) -> Header {
    Header {
        store: marker.store,
        number,
        first: marker.lsn.plus(1),
        previous_end: 0,
        capacity: options.segment_bytes,
    }
}

fn read_marker(files: &dyn Files, dir: &Path, options: &Options) -> Result<Marker, OpenError> {
    let names = files.list(dir).map_err(io_at("list", dir))?;
    let path = marker::path(dir);
    if names.iter().any(|name| name == names::CHECKPOINT) {
        let marker = Marker::open(files, dir)?;
        return match options.store {
            Some(expected) if expected != marker.store => {
                Err(OpenError::Foreign { file: path, found: marker.store, expected })
            }
            _ => Ok(marker),
        };
    }
    if names.iter().any(|name| names::segment_number(name).is_some()) {
        return Err(OpenError::Missing { file: path });
    }
    let store = match options.store {
        Some(store) => store,
        None => random_store(&path)?,
    };
    Marker::create(files, dir, store, Lsn(0))
}

fn random_store(path: &Path) -> Result<StoreId, OpenError> {
    let mut store = StoreId([0; 16]);
    getrandom::fill(&mut store.0).map_err(|error| {
        let source = std::io::Error::other(error.to_string());
        OpenError::Io { action: "draw a random identity for", file: path.to_owned(), source }
    })?;
    Ok(store)
}

/// Makes sure that the names and the checkpoint that were read are on disk, not only in memory.
/// Names first: a checkpoint file that has been used says that there are segments.
fn confirm(files: &dyn Files, dir: &Path, marker: &mut Marker) -> Result<(), OpenError> {
    files.sync_dir(dir).map_err(io_at("flush", dir))?;
    let path = marker::path(dir);
    let asserted = if marker.is_new() { marker.advance(marker.lsn) } else { marker.reassert() };
    asserted.map_err(io_at("write", &path))
}

/// Ends the last segment behind its last frame, and makes sure that this frame is on disk: it may
/// have been read from memory, left there by a process that was killed, or whose flush failed, and
/// then flushing alone would do nothing. The frames before it were flushed before it was written.
fn settle(files: &dyn Files, dir: &Path, last: &Sound) -> Result<Box<dyn StoredFile>, OpenError> {
    let path = segment_path(dir, last.header.number);
    let file = files.open(&path).map_err(io_at("open", &path))?;
    let from = last.walk.last_frame.unwrap_or(HEADER);
    let mut frame = vec![0; last.walk.end - from];
    file.read_at(from as u64, &mut frame).map_err(io_at("read", &path))?;
    let blank = (last.header.capacity as usize - last.walk.end).min(frame::HEAD);
    frame.resize(frame.len() + blank, 0);
    file.write_at(from as u64, &frame).map_err(io_at("write", &path))?;
    file.sync_data().map_err(io_at("flush", &path))?;
    Ok(file)
}

/// Puts full segments and spares on the shelf, and removes what is of no use.
fn tidy(
    files: &dyn Files,
    dir: &Path,
    found: &Survey,
    shelf: &Shelf,
    options: &Options,
) -> Result<(), OpenError> {
    for sound in &found.sound[..found.sound.len() - 1] {
        let Header { number, .. } = sound.header;
        shelf.close(Closed { number, last: sound.walk.next.before() });
    }
    for name in found.names.iter().filter(|name| names::is_making(name)) {
        let path = dir.join(name);
        files.remove(&path).map_err(io_at("remove", &path))?;
    }
    for name in found.names.iter().filter(|name| names::is_spare(name)) {
        let path = dir.join(name);
        let file = files.open(&path).map_err(io_at("open", &path))?;
        if file.size().map_err(io_at("measure", &path))? == options.segment_bytes {
            shelf.offer_spare(path.clone()).map_err(io_at("remove", &path))?;
        } else {
            files.remove(&path).map_err(io_at("remove", &path))?;
        }
    }
    // Segments of another size are removed, as they cannot be used again.
    let (same, other): (Vec<_>, Vec<_>) = found.obsolete.iter().copied().partition(|number| {
        let size = files.open(&segment_path(dir, *number)).and_then(|file| file.size());
        size.is_ok_and(|size| size == options.segment_bytes)
    });
    for number in other {
        let path = segment_path(dir, number);
        files.remove(&path).map_err(io_at("remove", &path))?;
    }
    shelf.recycle(same.into_iter()).map_err(io_at("recycle segments in", dir))?;
    files.sync_dir(dir).map_err(io_at("flush", dir))
}
