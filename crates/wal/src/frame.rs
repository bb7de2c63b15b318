//! A batch as it stands in a segment.
//!
//! The checksum of a frame's head covers the store, the segment and the place in it as well. So a
//! frame is valid only where it was written: what an earlier use of the file left behind, or a
//! payload that looks like a frame, is not.

use crate::record::{Lsn, Record, StoreId};
use crate::segment::{u32_at, u64_at};

/// Bytes before the records of a frame.
pub(crate) const HEAD: usize = 28;
/// Bytes behind the records of a frame.
pub(crate) const END: usize = 4;
/// Bytes before the bytes of a record.
pub(crate) const RECORD_HEAD: usize = 5;
/// The first bytes of every frame.
pub(crate) const MAGIC: [u8; 4] = *b"\xf7wb\n";

/// What binds frames to a segment of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal {
    seed: u32,
    /// Checksums are not compared. See `Options::believe_checksums`.
    believing: bool,
}

impl Seal {
    pub(crate) fn new(store: StoreId, segment: u64) -> Self {
        let seed = crc32c::crc32c_append(crc32c::crc32c(&store.0), &segment.to_le_bytes());
        Self { seed, believing: false }
    }

    pub(crate) fn believing(self, believing: bool) -> Self {
        Self { believing, ..self }
    }

    fn of_head(self, offset: u64, head: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.seed, &offset.to_le_bytes()), head)
    }
}

/// A frame that is being filled with records, before it is known where it will stand.
#[derive(Debug)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    count: u32,
}

impl Draft {
    /// Begins a frame in a buffer whose content is forgotten.
    pub(crate) fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEAD, 0);
        Self { bytes: buffer, count: 0 }
    }

    /// Adds a record, which has been checked to be shorter than 4 GiB.
    pub(crate) fn push(&mut self, record: Record<'_>) {
        self.bytes.extend_from_slice(&(record.bytes.len() as u32).to_le_bytes());
        self.bytes.push(record.kind);
        self.bytes.extend_from_slice(record.bytes);
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the records so far.
    pub(crate) fn body(&self) -> usize {
        self.bytes.len() - HEAD
    }

    /// Bytes of the frame in the segment.
    pub(crate) fn frame_len(&self) -> usize {
        self.bytes.len() + END
    }

    /// The whole frame for one place, followed by zeros where the next frame's head will be: so the
    /// end of the log can be seen even in a file that was used before.
    pub(crate) fn seal(&mut self, seal: Seal, offset: u64, first: Lsn) -> &[u8] {
        let body_len = self.body() as u32;
        let body_crc = crc32c::crc32c(&self.bytes[HEAD..]);
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[4..8].copy_from_slice(&body_len.to_le_bytes());
        self.bytes[8..16].copy_from_slice(&first.0.to_le_bytes());
        self.bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        self.bytes[20..24].copy_from_slice(&body_crc.to_le_bytes());
        let crc = seal.of_head(offset, &self.bytes[..24]);
        self.bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        self.bytes.extend_from_slice(&(!crc).to_le_bytes());
        self.bytes.extend_from_slice(&[0; HEAD]);
        &self.bytes
    }

    /// Gives the buffer back.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

/// A valid frame, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) first: Lsn,
    pub(crate) count: u32,
    /// Where it ends in the segment.
    pub(crate) end: usize,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the frame that begins at `offset` and ends within `segment`, if there is a valid one.
    pub(crate) fn read(segment: &'a [u8], offset: usize, seal: Seal) -> Option<Self> {
        let rest = segment.get(offset..)?;
        let head = rest.get(..HEAD)?;
        let crc = u32_at(head, 24);
        let head_holds = seal.believing || seal.of_head(offset as u64, &head[..24]) == crc;
        if head[..4] != MAGIC || !head_holds {
            return None;
        }
        let body_len = u32_at(head, 4) as usize;
        let body = rest.get(HEAD..)?.get(..body_len)?;
        let end_mark = rest.get(HEAD + body_len..)?.get(..END)?;
        let body_holds = crc32c::crc32c(body) == u32_at(head, 20) && u32_at(end_mark, 0) == !crc;
        if !body_holds && !seal.believing {
            return None;
        }
        let end = offset + HEAD + body_len + END;
        let frame = Self { first: Lsn(u64_at(head, 8)), count: u32_at(head, 16), end, body };
        frame.is_whole().then_some(frame)
    }

    /// True if the records fill the body exactly.
    fn is_whole(&self) -> bool {
        let mut records = Records { rest: self.body };
        self.count > 0
            && self.first.0.checked_add(u64::from(self.count)).is_some()
            && records.by_ref().take(self.count as usize).count() == self.count as usize
            && records.rest.is_empty()
    }

    /// The records with their numbers.
    pub(crate) fn records(&self) -> impl Iterator<Item = (Lsn, Record<'a>)> {
        let first = self.first;
        (0..).map(move |place| first.plus(place)).zip(Records { rest: self.body })
    }

    /// Number of the record behind the last one.
    pub(crate) fn next(&self) -> Lsn {
        self.first.plus(u64::from(self.count))
    }
}

/// The length that the head at `offset` claims for its frame, if the head itself is valid.
pub(crate) fn claimed_len(segment: &[u8], offset: usize, seal: Seal) -> Option<usize> {
    let head = segment.get(offset..)?.get(..HEAD)?;
    let valid = head[..4] == MAGIC && seal.of_head(offset as u64, &head[..24]) == u32_at(head, 24);
    valid.then(|| HEAD + u32_at(head, 4) as usize + END)
}

struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<RECORD_HEAD>()?;
        let (bytes, rest) = rest.split_at_checked(u32_at(head, 0) as usize)?;
        self.rest = rest;
        Some(Record { kind: head[4], bytes })
    }
}
