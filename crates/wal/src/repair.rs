//! Mending a damaged log: it is cut where the damage begins, and what is behind is set aside.
//!
//! A stream that lost something in its middle must not go on as if it were whole, so nothing behind
//! the damage is kept, readable or not. Nothing is destroyed either: the files set aside are copies
//! or the segments themselves. A repair that is interrupted can be run again.

use std::path::{Path, PathBuf};

use crate::error::{OpenError, io_at};
use crate::files::Files;
use crate::frame::Seal;
use crate::marker::Marker;
use crate::names;
use crate::open::Lock;
use crate::record::Lsn;
use crate::scan;
use crate::segment::{self, HEADER, Header};
use crate::survey::{Fault, Sound, Survey, read_segment, segment_path, survey};

/// What a repair found and did.
#[derive(Debug, Default)]
pub struct Repaired {
    /// What was wrong with the segments; none: they were in order, and nothing was cut.
    pub fault: Option<OpenError>,
    /// The checkpoint file could not be read and was made anew, at the beginning of the segments
    /// that are there. More may be replayed than needed.
    pub checkpoint_rebuilt: bool,
    /// What is gone from the log; none if nothing was cut.
    pub lost: Option<Lost>,
    /// Where what was behind the damage is now.
    pub set_aside: Vec<PathBuf>,
}

/// What a repair took out of the log: everything from a number on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first number that is gone. It is given again to the next record.
    pub first: Lsn,
    /// The last record that is known to have been there; what cannot be read may have held more,
    /// and none is known if nothing behind the damage can be read.
    pub last: Option<Lsn>,
    /// How many of them are still whole in the files set aside.
    pub readable: u64,
}

/// Cuts the log of a data directory where its damage begins. Does nothing to a log in order, and
/// nothing to files of another store or an unknown version.
///
/// # Errors
/// [`OpenError::Locked`] while the log is open somewhere; [`OpenError::Damaged`] if nothing names
/// the store any more, so that nothing can be trusted; otherwise as [`Wal::open`](crate::Wal::open).
pub fn repair(data: &Path, files: &dyn Files) -> Result<Repaired, OpenError> {
    repair_locked(&Lock::take(data, files)?, data, files)
}

/// As [`repair`], for one who holds the lock of the data directory already.
///
/// # Errors
/// As [`repair`].
pub fn repair_locked(_lock: &Lock, data: &Path, files: &dyn Files) -> Result<Repaired, OpenError> {
    let dir = &data.join(names::DIRECTORY);
    let names = files.list(dir).map_err(io_at("list", dir))?;
    if !names.iter().any(|name| is_of_the_log(name)) {
        return Ok(Repaired::default());
    }
    let (marker, checkpoint_rebuilt) = match Marker::open(files, dir) {
        Ok(marker) => (marker, false),
        Err(error) => (rebuild_marker(files, dir, error)?, true),
    };
    let found = survey(files, dir, &marker, false, &mut |_, _| {})?;
    let mut repaired = Repaired { checkpoint_rebuilt, ..Repaired::default() };
    repaired.fault = found.error(dir).filter(|_| !found.numbers.is_empty() || !marker.is_new());
    if repaired.fault.is_some() {
        let plan = Plan::new(&found, &marker);
        repaired.lost = Some(plan.lost(files, dir, &marker)?);
        repaired.set_aside = plan.carry_out(files, dir, &found, &marker)?;
        tracing::warn!(fault = ?repaired.fault, lost = ?repaired.lost, "the log was repaired");
    }
    Ok(repaired)
}

fn is_of_the_log(name: &str) -> bool {
    name == names::CHECKPOINT || names::segment_number(name).is_some()
}

/// Makes a checkpoint file from what the segments say.
fn rebuild_marker(files: &dyn Files, dir: &Path, error: OpenError) -> Result<Marker, OpenError> {
    let unreadable = match &error {
        OpenError::Damaged { .. } => true,
        OpenError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    if !unreadable {
        return Err(error);
    }
    let names = files.list(dir).map_err(io_at("list", dir))?;
    let mut numbers: Vec<_> = names.iter().filter_map(|name| names::segment_number(name)).collect();
    numbers.sort_unstable();
    for number in numbers {
        let segment = read_segment(files, dir, number, HEADER as u64)?;
        if let Ok(header) = Header::decode(&segment) {
            return Marker::create(files, dir, header.store, header.first.before());
        }
    }
    Err(error)
}

/// What to keep.
struct Plan {
    /// The segment that is kept up to where it is sound.
    cut: Option<Sound>,
    /// Segments that are not kept.
    dropped: Vec<u64>,
    /// True if any segment is kept.
    keeps: bool,
    /// Number of the next record.
    next: Lsn,
}

impl Plan {
    fn new(found: &Survey, marker: &Marker) -> Self {
        let wanted = marker.lsn.plus(1);
        let (first_dropped, cut) = match found.fault {
            Some(Fault::Damaged(number, offset)) if offset > 0 => {
                (number + 1, found.sound.last().copied())
            }
            Some(Fault::Damaged(number, _) | Fault::Missing(number)) => (number, None),
            None => (u64::MAX, None),
        };
        let next = found.next().unwrap_or(Lsn(0));
        if next < wanted {
            // The numbers up to the checkpoint have been used and must not be given again, so none
            // of these segments can be continued.
            let dropped = found.numbers.clone();
            return Self { cut: None, dropped, keeps: false, next: wanted };
        }
        let dropped = found.numbers.iter().copied().filter(|n| *n >= first_dropped).collect();
        Self { cut, dropped, keeps: true, next }
    }

    /// Counts the valid frames in what is not kept.
    fn lost(&self, files: &dyn Files, dir: &Path, marker: &Marker) -> Result<Lost, OpenError> {
        let in_cut = self.cut.map(|sound| (sound.header.number, sound.walk.end));
        let behind = self.dropped.iter().map(|number| (*number, HEADER));
        let mut last = marker.lsn;
        let mut readable = 0;
        for (number, from) in in_cut.into_iter().chain(behind) {
            let segment = read_segment(files, dir, number, segment::MAX_BYTES)?;
            if let (HEADER, Ok(header)) = (from, Header::decode(&segment)) {
                last = last.max(header.first.before());
            }
            for (_, frame) in scan::survivors(&segment, from, Seal::new(marker.store, number)) {
                last = last.max(frame.next().before());
                let begins = frame.first.max(self.next);
                readable += frame.next().0.saturating_sub(begins.0);
            }
        }
        Ok(Lost { first: self.next, last: Some(last).filter(|last| *last >= self.next), readable })
    }

    /// Sets aside first, cuts last: interrupted anywhere, there is either still a damage to repair,
    /// or everything is done.
    fn carry_out(
        &self,
        files: &dyn Files,
        dir: &Path,
        found: &Survey,
        marker: &Marker,
    ) -> Result<Vec<PathBuf>, OpenError> {
        let mut set_aside = Vec::new();
        // Numbers of segments will be given again, and a spare could hold frames of that number.
        let unused = |name: &&String| names::is_spare(name) || names::is_making(name);
        for name in found.names.iter().filter(unused) {
            let path = dir.join(name);
            files.remove(&path).map_err(io_at("remove", &path))?;
        }
        if let Some(cut) = &self.cut {
            let aside = names::damaged(dir, &found.names, cut.header.number);
            let segment = read_segment(files, dir, cut.header.number, cut.header.capacity)?;
            let copy = files.create(&aside).map_err(io_at("create", &aside))?;
            copy.write_at(0, &segment).map_err(io_at("write", &aside))?;
            copy.sync_data().map_err(io_at("flush", &aside))?;
            set_aside.push(aside);
        }
        files.sync_dir(dir).map_err(io_at("flush", dir))?;
        for number in self.dropped.iter().rev() {
            let aside = names::damaged(dir, &found.names, *number);
            let path = segment_path(dir, *number);
            files.rename(&path, &aside).map_err(io_at("rename", &path))?;
            files.sync_dir(dir).map_err(io_at("flush", dir))?;
            set_aside.push(aside);
        }
        if let Some(cut) = &self.cut {
            blank(files, dir, cut)?;
        }
        if !self.keeps {
            // As in a new store, the first segment is made when the log is opened.
            Marker::create(files, dir, marker.store, marker.lsn)?;
        }
        Ok(set_aside)
    }
}

/// Overwrites everything behind the sound part of a segment.
fn blank(files: &dyn Files, dir: &Path, cut: &Sound) -> Result<(), OpenError> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let path = segment_path(dir, cut.header.number);
    let file = files.open(&path).map_err(io_at("open", &path))?;
    let mut at = cut.walk.end as u64;
    while at < cut.header.capacity {
        let step = (cut.header.capacity - at).min(ZEROS.len() as u64);
        file.write_at(at, &ZEROS[..step as usize]).map_err(io_at("write", &path))?;
        at += step;
    }
    file.sync_data().map_err(io_at("flush", &path))
}
