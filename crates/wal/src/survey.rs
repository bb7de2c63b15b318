//! Reading the directory of a log: which segments count, what they hold, where they end, and what
//! is wrong. Changes nothing; opening and repairing act on what is found.

use std::path::{Path, PathBuf};

use crate::error::{OpenError, io_at};
use crate::files::Files;
use crate::frame::Seal;
use crate::marker::Marker;
use crate::names;
use crate::record::{Lsn, Record};
use crate::scan::{self, Walk};
use crate::segment::{BadHeader, HEADER, Header, VERSION};

/// What makes a log refuse to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The segment of this number is not there.
    Missing(u64),
    /// The segment of this number cannot be trusted from this byte on.
    Damaged(u64, u64),
}

/// A segment of which at least a beginning is sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sound {
    pub(crate) header: Header,
    pub(crate) walk: Walk,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Names of all files.
    pub(crate) names: Vec<String>,
    /// Numbers of all segments, ascending.
    pub(crate) numbers: Vec<u64>,
    /// Numbers of the segments before those that are needed.
    pub(crate) obsolete: Vec<u64>,
    /// The needed segments, in order, up to the fault if there is one.
    pub(crate) sound: Vec<Sound>,
    pub(crate) fault: Option<Fault>,
}

impl Survey {
    /// Number of the record that comes next if the log ends where it is sound.
    pub(crate) fn next(&self) -> Option<Lsn> {
        self.sound.last().map(|sound| sound.walk.next)
    }

    /// The fault as an error with the path in it.
    pub(crate) fn error(&self, dir: &Path) -> Option<OpenError> {
        Some(match self.fault? {
            Fault::Missing(number) => OpenError::Missing { file: segment_path(dir, number) },
            Fault::Damaged(number, offset) => {
                OpenError::Damaged { file: segment_path(dir, number), offset }
            }
        })
    }
}

/// The path of a segment.
pub(crate) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(names::segment(number))
}

/// Reads a directory whose checkpoint is known and hands over the records behind it, in order, up to
/// the first fault.
pub(crate) fn survey(
    files: &dyn Files,
    dir: &Path,
    marker: &Marker,
    believing: bool,
    replay: &mut dyn FnMut(Lsn, Record<'_>),
) -> Result<Survey, OpenError> {
    let names = files.list(dir).map_err(io_at("list", dir))?;
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| names::segment_number(name)).collect();
    numbers.sort_unstable();
    let headers = numbers
        .iter()
        .map(|number| read_header(files, dir, *number, marker))
        .collect::<Result<Vec<_>, _>>()?;
    // The newest segment that begins at or before the first needed record; those before it may
    // have gone or not, in any order.
    let wanted = marker.lsn.plus(1);
    let begins_early = |header: &Option<Header>| header.is_some_and(|h| h.first <= wanted);
    let start = headers.iter().rposition(begins_early).unwrap_or(0);
    let obsolete = numbers[..start].to_vec();
    let mut survey = Survey { names, numbers, obsolete, sound: Vec::new(), fault: None };
    let mut reader = Reader { files, dir, marker, believing, replay };
    survey.fault = reader.follow(&survey.numbers[start..], &headers[start..], &mut survey.sound)?;
    Ok(survey)
}

/// The header of a segment, or none if it is damaged. Files that are another's are refused.
fn read_header(
    files: &dyn Files,
    dir: &Path,
    number: u64,
    marker: &Marker,
) -> Result<Option<Header>, OpenError> {
    let path = segment_path(dir, number);
    let file = files.open(&path).map_err(io_at("open", &path))?;
    let mut bytes = [0; HEADER];
    match file.read_at(0, &mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(io_at("read", &path)(error)),
    }
    match Header::decode(&bytes) {
        Ok(header) if header.store != marker.store => {
            Err(OpenError::Foreign { file: path, found: header.store, expected: marker.store })
        }
        Ok(header) => Ok(Some(header).filter(|header| header.number == number)),
        Err(BadHeader::Damaged) => Ok(None),
        Err(BadHeader::Version(found)) => {
            Err(OpenError::Version { file: path, found, known: VERSION })
        }
    }
}

/// The bytes of a segment, at most so many.
pub(crate) fn read_segment(
    files: &dyn Files,
    dir: &Path,
    number: u64,
    limit: u64,
) -> Result<Vec<u8>, OpenError> {
    let path = segment_path(dir, number);
    let file = files.open(&path).map_err(io_at("open", &path))?;
    let size = file.size().map_err(io_at("measure", &path))?.min(limit);
    let mut bytes = vec![0; size as usize];
    file.read_at(0, &mut bytes).map_err(io_at("read", &path))?;
    Ok(bytes)
}

struct Reader<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    marker: &'a Marker,
    believing: bool,
    replay: &'a mut dyn FnMut(Lsn, Record<'_>),
}

impl Reader<'_> {
    /// Follows the log from segment to segment.
    fn follow(
        &mut self,
        numbers: &[u64],
        headers: &[Option<Header>],
        sound: &mut Vec<Sound>,
    ) -> Result<Option<Fault>, OpenError> {
        let Some(first) = numbers.first() else { return Ok(Some(Fault::Missing(1))) };
        for (place, (number, header)) in (*first..).zip(headers).enumerate() {
            if numbers[place] != number {
                return Ok(Some(Fault::Missing(number)));
            }
            let Some(header) = header else { return Ok(Some(Fault::Damaged(number, 0))) };
            let begins = sound.last().map_or(self.marker.lsn.plus(1), |last| last.walk.next);
            if place == 0 && header.first > begins {
                return Ok(Some(Fault::Missing(number.saturating_sub(1))));
            }
            if place > 0 && header.first != begins {
                return Ok(Some(Fault::Damaged(number, 0)));
            }
            let after = headers.get(place + 1).copied().flatten();
            let after = after.filter(|after| after.number == number + 1);
            if let Some(fault) = self.read(header, after, headers.len() == place + 1, sound)? {
                return Ok(Some(fault));
            }
        }
        Ok(None)
    }

    /// Reads one segment. `after` is the header of the one behind it, if that is sound.
    fn read(
        &mut self,
        header: &Header,
        after: Option<Header>,
        is_last: bool,
        sound: &mut Vec<Sound>,
    ) -> Result<Option<Fault>, OpenError> {
        let segment = read_segment(self.files, self.dir, header.number, header.capacity)?;
        let seal = Seal::new(self.marker.store, header.number).believing(self.believing);
        // Where this segment ends was on disk before the next one was made, and what is behind is
        // the rest of a batch that found no room.
        let limit = after.map_or(usize::MAX, |after| after.previous_end as usize);
        let checkpoint = self.marker.lsn;
        let replay = &mut *self.replay;
        let within = &segment[..segment.len().min(limit)];
        let walk = scan::walk(within, seal, header.first, &mut |lsn, record| {
            if lsn > checkpoint {
                replay(lsn, record);
            }
        });
        sound.push(Sound { header: *header, walk });
        let whole = if is_last {
            segment.len() as u64 == header.capacity
                && walk.next > checkpoint
                && scan::survivors(&segment, walk.end, seal).next().is_none()
        } else {
            after.is_none() || walk.end == limit
        };
        Ok((!whole).then_some(Fault::Damaged(header.number, walk.end as u64)))
    }
}
