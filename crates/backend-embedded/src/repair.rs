//! Mending a damaged data directory.
//!
//! The log is cut where its damage begins. The index is copied, as far as its rows can be read, and
//! the damaged one set aside. Then every stream goes on under a new name from where it is, and new
//! streams have names of a new generation: nobody who saw what was lost will be told that nothing
//! was.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use trunkline_core::note::Note;
use trunkline_wal::files::Files;
use trunkline_wal::repair::repair_locked;
use trunkline_wal::{Disk, Lock, Options as LogOptions, Wal};

use crate::error::{OpenError, io_at};
use crate::index::{
    INDEX, Index, IndexError, MAKING, OutcomeRow, Reading, SUSPECT, Saving, StreamChange,
    StreamRow, System, damaged_name,
};
use crate::record::{self, Content};

/// There while a repair is under way: until it is done, nothing else may open the directory.
pub(crate) const REPAIRING: &str = "repairing";

/// Streams that are copied at once.
const AT_ONCE: usize = 256;

/// Bytes of the index that are kept in memory meanwhile.
const CACHE: usize = 32 << 20;

type Rows = Vec<(String, Option<StreamRow>)>;

/// Bytes of stack for reading a damaged index: its pages may lead down further than any whole one's.
const STACK: usize = 256 << 20;

/// What a repair found and did.
#[derive(Debug, Default)]
pub struct Repaired {
    /// What was wrong with the log, and done about it.
    pub log: trunkline_wal::repair::Repaired,
    /// What was wrong with the index; none: it was in order.
    pub index: Option<String>,
    /// Streams of which publications could not be read, or that are gone as a whole, as far as
    /// that is known.
    pub damaged_streams: u64,
    /// Whether anything was changed. If so, every stream goes on under a new name.
    pub changed: bool,
    /// Files that were set aside.
    pub set_aside: Vec<PathBuf>,
}

/// Why a data directory is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It could not be opened. One that turns out to be in order is left as it is.
    Damage,
    /// It was brought back from a copy. However well it looks, clients may have seen more than it
    /// holds, and have to be told.
    Copy,
}

/// Repairs a data directory.
///
/// # Errors
/// [`OpenError::Log`] while the directory is in use, and where nothing can be trusted any more;
/// otherwise if the disk fails.
pub fn repair(data: &Path, cause: Cause) -> Result<Repaired, OpenError> {
    repair_with(Disk, data, cause)
}

/// As [`repair`], on other files than those of the operating system.
///
/// # Errors
/// As [`repair`].
pub fn repair_with(
    files: impl Files + Clone,
    data: &Path,
    cause: Cause,
) -> Result<Repaired, OpenError> {
    let mend = || mend(files, data, cause);
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("repair".into()).stack_size(STACK);
        let thread = thread.spawn_scoped(scope, mend).map_err(io_at("start a thread for", data))?;
        let panicked = |_| io_at("repair", data)(io::Error::other("the thread panicked"));
        thread.join().map_err(panicked)?
    })
}

fn mend(files: impl Files + Clone, data: &Path, cause: Cause) -> Result<Repaired, OpenError> {
    let lock = Lock::take(data, &files)?;
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let names = shared.list(data).map_err(io_at("list", data))?;
    let there = |wanted: &str| names.iter().any(|name| name == wanted);
    let mark = data.join(REPAIRING);
    let interrupted = there(REPAIRING);
    if !interrupted {
        drop(shared.create(&mark).map_err(io_at("create", &mark))?);
        shared.sync_dir(data).map_err(io_at("flush", data))?;
    }
    let mut repaired = Repaired { log: repair_locked(&lock, data, &files)?, ..Repaired::default() };
    repaired.set_aside.append(&mut repaired.log.set_aside);
    let log = Log::read(lock, data, files)?;
    let found = if there(INDEX) { examine(&shared, data, &log)? } else { Found::nothing(&log) };
    repaired.index = found.fault;
    repaired.changed = cause == Cause::Copy
        || interrupted
        || repaired.index.is_some()
        || repaired.log.fault.is_some()
        || repaired.log.checkpoint_rebuilt;
    if repaired.changed {
        repaired.damaged_streams =
            rebuild(&shared, data, &log, found.index, &mut repaired.set_aside)?;
    }
    shared.remove(&mark).map_err(io_at("remove", &mark))?;
    shared.sync_dir(data).map_err(io_at("flush", data))?;
    Ok(repaired)
}

/// What the log says, once it is in order.
struct Log {
    store: trunkline_wal::StoreId,
    checkpoint: u64,
    last: u64,
    session: u64,
    generation: u64,
}

impl Log {
    fn read(lock: Lock, data: &Path, files: impl Files) -> Result<Self, OpenError> {
        let (mut session, mut generation) = (0, 0);
        let (wal, recovered) =
            Wal::open_locked(lock, data, LogOptions::default(), files, &mut |_, record| {
                let head = match record::read(record.kind, record.bytes) {
                    Some(Content::Append { head, .. }) => head,
                    Some(Content::Clear { head, .. } | Content::Rename { head, .. }) => head,
                    Some(Content::Note { session: noted, .. }) => {
                        session = session.max(noted);
                        return;
                    }
                    // What cannot be read is for the next opening to refuse.
                    Some(Content::Barrier { .. } | Content::Closed { .. }) | None => return,
                };
                session = session.max(head.session);
                generation = generation.max(head.name.generation);
            })?;
        drop(wal);
        let (checkpoint, last) = (recovered.checkpoint.0, recovered.next.before().0);
        Ok(Self { store: recovered.store, checkpoint, last, session, generation })
    }
}

/// What is left of the index.
struct Found {
    index: Option<(Index, System)>,
    fault: Option<String>,
}

impl Found {
    fn nothing(log: &Log) -> Self {
        // A store that was never used has none.
        let fault = (log.last > 0).then(|| "it is missing".to_owned());
        Self { index: None, fault }
    }
}

/// Reads the whole index.
fn examine(files: &Arc<dyn Files>, data: &Path, log: &Log) -> Result<Found, OpenError> {
    let path = data.join(INDEX);
    let verified = Index::open(files, data, CACHE).and_then(|mut index| {
        index.verify().map_err(|error| error.at(&path))?;
        Ok(index)
    });
    let (index, bad_page) = match verified {
        Ok(index) => (index, None),
        Err(OpenError::Damaged { reason, .. }) => match Index::open_damaged(files, data) {
            // Rows have checksums of their own: those that can be read can be believed.
            Ok(index) => (index, Some(reason)),
            Err(OpenError::Damaged { .. }) => {
                return Ok(Found { index: None, fault: Some(reason) });
            }
            Err(error) => return Err(error),
        },
        Err(error) => return Err(error),
    };
    let read = || -> Result<(System, Option<String>), IndexError> {
        let reading = index.read()?;
        let system = reading.system()?;
        if system.store != log.store {
            return Err(IndexError::Damaged("it belongs to another store".into()));
        }
        let mut fault = bad_page.clone();
        if system.lsn < log.checkpoint || system.high > log.last {
            fault = Some("it and the log do not fit together".to_owned());
        }
        if !outcomes(&reading)?.1 {
            fault = Some("an outcome cannot be read".to_owned());
        }
        if !notes(&reading)?.1 {
            fault = Some("a note cannot be read".to_owned());
        }
        let mut after = String::new();
        loop {
            let (rows, more) = some_streams(&reading, &after)?;
            if !more {
                fault = Some("some streams cannot be reached".to_owned());
            }
            let Some((last, _)) = rows.last() else { break };
            after.clone_from(last);
            for (channel, row) in &rows {
                let whole = match row {
                    Some(row) => reading.salvage(row)?.1,
                    None => false,
                };
                if !whole {
                    fault = Some(format!("channel {channel} cannot be read"));
                }
            }
        }
        Ok((system, fault))
    };
    let outcome = read();
    match outcome {
        Ok((system, fault)) => Ok(Found { index: Some((index, system)), fault }),
        Err(IndexError::Damaged(reason)) => Ok(Found { index: None, fault: Some(reason) }),
        Err(error) => Err(error.at(&path)),
    }
}

/// Makes the index anew, out of what can be read of the old one, and sets that aside.
fn rebuild(
    files: &Arc<dyn Files>,
    data: &Path,
    log: &Log,
    old: Option<(Index, System)>,
    set_aside: &mut Vec<PathBuf>,
) -> Result<u64, OpenError> {
    // Beyond every number that may have been lost with the damaged part. Seconds, as no store is
    // opened so often.
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let known = old.as_ref().map(|(_, system)| system.clone());
    let known = known.unwrap_or_else(|| System::new(log.store));
    let session = seconds.max(known.session.max(log.session) + 1);
    let generation = seconds.max(known.generation.max(log.generation) + 1);
    let lost = old.is_none();
    let system = System {
        store: log.store,
        lsn: if lost { log.checkpoint } else { known.lsn.max(log.checkpoint).min(log.last) },
        high: 0,
        session,
        ended: true,
        unclean: session,
        forked: session + 1,
        partial: true,
        generation,
        next_id: known.next_id,
    };
    let damaged = std::cell::Cell::new(0);
    let fill = |saving: &Saving| -> Result<(), IndexError> {
        let Some((index, _)) = &old else { return Ok(()) };
        let reading = index.read()?;
        damaged.set(copy(&reading, saving, log.last)?);
        Ok(())
    };
    Index::create_at(files, data, &system, &fill)?;
    drop(old);
    let names = files.list(data).map_err(io_at("list", data))?;
    let index = data.join(INDEX);
    if names.iter().any(|name| name == INDEX) {
        let aside = data.join(damaged_name(&names));
        files.rename(&index, &aside).map_err(io_at("rename", &index))?;
        set_aside.push(aside);
    }
    let made = data.join(MAKING);
    files.rename(&made, &index).map_err(io_at("rename", &made))?;
    // The mark speaks of the old one, and may have been left by this very reading of it.
    let names = files.list(data).map_err(io_at("list", data))?;
    if names.iter().any(|name| name == SUSPECT) {
        let mark = data.join(SUSPECT);
        files.remove(&mark).map_err(io_at("remove", &mark))?;
    }
    files.sync_dir(data).map_err(io_at("flush", data))?;
    Ok(damaged.get())
}

/// Some of the streams behind one; false if those further on cannot be reached.
fn some_streams(reading: &Reading, after: &str) -> Result<(Rows, bool), IndexError> {
    match reading.streams(after, AT_ONCE) {
        Ok(rows) => Ok((rows, true)),
        Err(IndexError::Damaged(_)) => Ok((Rows::new(), false)),
        Err(error) => Err(error),
    }
}

/// The outcomes that can be read, and whether those are all.
fn outcomes(reading: &Reading) -> Result<(Vec<(u64, OutcomeRow)>, bool), IndexError> {
    match reading.outcomes() {
        Err(IndexError::Damaged(_)) => Ok((Vec::new(), false)),
        read => read,
    }
}

/// The notes that can be read, and whether those are all.
fn notes(reading: &Reading) -> Result<(Vec<Note>, bool), IndexError> {
    match reading.notes() {
        Err(IndexError::Damaged(_)) => Ok((Vec::new(), false)),
        read => read,
    }
}

/// Copies what can be read; how many streams that is not all of.
fn copy(reading: &Reading, saving: &Saving, last: u64) -> Result<u64, IndexError> {
    let mut damaged = 0;
    let mut after = String::new();
    loop {
        let (rows, _) = some_streams(reading, &after)?;
        let Some((name, _)) = rows.last() else { break };
        after.clone_from(name);
        for (channel, row) in rows {
            let Some(row) = row else {
                damaged += 1;
                continue;
            };
            let ((mut row, kept), whole) = reading.salvage(&row)?;
            damaged += u64::from(!whole);
            // Numbers behind the end of the log will be given again.
            row.lsn = row.lsn.min(last);
            let publications = kept.into_iter().collect();
            let change = StreamChange { channel, row, obsolete: 0..0, publications };
            saving.streams(std::iter::once(&change))?;
        }
    }
    let (outcomes, _) = outcomes(reading)?;
    let outcomes: Vec<_> = outcomes.into_iter().filter(|(lsn, _)| *lsn <= last).collect();
    saving.outcomes(&outcomes, trunkline_core::time::WallTime(0))?;
    let (notes, _) = notes(reading)?;
    let notes: Vec<_> = notes.into_iter().map(|note| (note.key.clone(), Some(note))).collect();
    saving.notes(&notes)?;
    Ok(damaged)
}
