//! The rows of the index, as values and as bytes. Each begins with a checksum of its key and itself.

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_core::history::Ancestor;
use trunkline_core::namespace::Retention;
use trunkline_core::note::{Note, NoteKey};
use trunkline_core::position::{Epoch, Tag};
use trunkline_core::publication::Publication;
use trunkline_core::time::WallTime;
use trunkline_wal::StoreId;

use crate::name::Name;
use crate::pack::{Reader, put, put_numbers};
use crate::packed::{Unpacking, put_publication};
use crate::record::{put_note_itself, put_retention, read_note, read_retention};

/// Version of the rows.
pub(crate) const VERSION: u32 = 1;

/// Publications of one block: so many are written and read at once.
pub(crate) const BLOCK: u64 = 64;

/// The one row about the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct System {
    pub(crate) store: StoreId,
    /// Everything the log held up to here is in the index.
    pub(crate) lsn: u64,
    /// The last record that some stream of the index has seen: the log reaches at least so far.
    pub(crate) high: u64,
    /// The session that was running.
    pub(crate) session: u64,
    /// Whether it had ended.
    pub(crate) ended: bool,
    /// The last session before that did not end in order.
    pub(crate) unclean: u64,
    /// Streams last named before this session may have lost something in a repair.
    pub(crate) forked: u64,
    /// A repair has lost rows: the log may speak of streams whose beginning is not there.
    pub(crate) partial: bool,
    /// The generation of new streams.
    pub(crate) generation: u64,
    /// The next stream's number.
    pub(crate) next_id: u64,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamRow {
    pub(crate) id: u64,
    pub(crate) name: Name,
    /// In which session its name was last settled, or its running ahead was.
    pub(crate) session: u64,
    pub(crate) ahead: bool,
    /// The last record of it.
    pub(crate) lsn: u64,
    pub(crate) top: u64,
    pub(crate) tag: Tag,
    pub(crate) floor: Tag,
    /// The offset of the oldest publication that is kept, one beyond the top if none is.
    pub(crate) low: u64,
    /// When the newest was made.
    pub(crate) newest: WallTime,
    pub(crate) used: WallTime,
    pub(crate) retention: Retention,
    pub(crate) ancestors: Arc<[Ancestor]>,
}

/// What became of a publish with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutcomeRow {
    pub(crate) channel: String,
    pub(crate) key: String,
    pub(crate) epoch: Epoch,
    pub(crate) offset: u64,
    pub(crate) tag: Tag,
    pub(crate) time: WallTime,
}

/// Puts the checksum in front.
fn seal(key: &[u8], payload: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut row = vec![0; 4];
    payload(&mut row);
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), &row[4..]);
    row[..4].copy_from_slice(&crc.to_le_bytes());
    row
}

/// Verifies it, and reads the row to its end.
fn open<'a, T>(
    key: &[u8],
    row: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<T> {
    let mut from = Reader::new(row);
    let crc = from.u32()?;
    if crc != crc32c::crc32c_append(crc32c::crc32c(key), &row[4..]) {
        return None;
    }
    let value = read(&mut from)?;
    from.is_empty().then_some(value)
}

/// The version of a system row, which stands at the same place in all of them.
pub(crate) fn version(row: &[u8]) -> Option<u32> {
    let mut from = Reader::new(row);
    from.u32()?;
    from.u32()
}

impl System {
    pub(crate) const KEY: &'static str = "system";

    /// That of a new store.
    pub(crate) fn new(store: StoreId) -> Self {
        Self {
            store,
            lsn: 0,
            high: 0,
            session: 0,
            ended: true,
            unclean: 0,
            forked: 0,
            partial: false,
            generation: 0,
            next_id: 1,
        }
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        seal(Self::KEY.as_bytes(), |out| {
            out.extend_from_slice(&VERSION.to_le_bytes());
            out.extend_from_slice(&self.store.0);
            put_numbers(out, &[self.lsn, self.high, self.session, self.unclean, self.forked]);
            put_numbers(out, &[self.generation, self.next_id]);
            out.extend_from_slice(&[u8::from(self.ended), u8::from(self.partial)]);
        })
    }

    pub(crate) fn unpack(row: &[u8]) -> Option<Self> {
        open(Self::KEY.as_bytes(), row, |from| {
            from.u32()?;
            Some(Self {
                store: StoreId(from.array()?),
                lsn: from.u64()?,
                high: from.u64()?,
                session: from.u64()?,
                unclean: from.u64()?,
                forked: from.u64()?,
                generation: from.u64()?,
                next_id: from.u64()?,
                ended: from.byte()? != 0,
                partial: from.byte()? != 0,
            })
        })
    }
}

impl StreamRow {
    pub(crate) fn pack(&self, channel: &str) -> Vec<u8> {
        seal(channel.as_bytes(), |out| {
            put_numbers(out, &[self.id]);
            self.name.put(out);
            put_numbers(out, &[self.session, self.lsn, self.top, self.low]);
            put_numbers(out, &[self.newest.0, self.used.0]);
            out.extend_from_slice(&self.tag.0);
            out.extend_from_slice(&self.floor.0);
            out.push(u8::from(self.ahead));
            put_retention(out, self.retention);
            put_numbers(out, &[self.ancestors.len() as u64]);
            for Ancestor { epoch, shared } in self.ancestors.iter() {
                put(out, epoch.as_str().as_bytes());
                put_numbers(out, &[*shared]);
            }
        })
    }

    pub(crate) fn unpack(channel: &str, row: &[u8]) -> Option<Self> {
        open(channel.as_bytes(), row, |from| {
            let (id, name) = (from.u64()?, Name::read(from)?);
            let (session, lsn, top, low) = (from.u64()?, from.u64()?, from.u64()?, from.u64()?);
            let (newest, used) = (WallTime(from.u64()?), WallTime(from.u64()?));
            let (tag, floor, ahead) = (from.tag()?, from.tag()?, from.byte()? != 0);
            let retention = read_retention(from)?;
            let count = from.u64()?;
            let ancestor =
                |_| Some(Ancestor { epoch: Epoch::new(from.text()?), shared: from.u64()? });
            let ancestors = (0..count).map(ancestor).collect::<Option<_>>()?;
            let places = Self {
                id,
                name,
                session,
                ahead,
                lsn,
                top,
                tag,
                floor,
                low,
                newest,
                used,
                retention,
                ancestors,
            };
            (1..=top + 1).contains(&low).then_some(places)
        })
    }

    /// The numbers of the blocks that hold its publications.
    pub(crate) fn blocks(&self) -> std::ops::Range<u64> {
        if self.low > self.top { 0..0 } else { self.low / BLOCK..self.top / BLOCK + 1 }
    }
}

/// The key of a block in its checksum.
fn block_key(id: u64, block: u64) -> [u8; 16] {
    (u128::from(id) << 64 | u128::from(block)).to_be_bytes()
}

/// Packs the publications of a block.
pub(crate) fn pack_block<'a>(
    id: u64,
    block: u64,
    publications: impl Iterator<Item = &'a Arc<Publication>>,
) -> Vec<u8> {
    seal(&block_key(id, block), |out| {
        publications.for_each(|publication| put_publication(out, publication));
    })
}

/// Reads a block and adds those of its publications that are wanted.
pub(crate) fn unpack_block(
    id: u64,
    block: u64,
    row: &[u8],
    unpacking: &mut Unpacking,
    wanted: std::ops::RangeInclusive<u64>,
    kept: &mut VecDeque<Arc<Publication>>,
) -> Option<()> {
    open(&block_key(id, block), row, |from| {
        while !from.is_empty() {
            let publication = unpacking.publication(from)?;
            if wanted.contains(&publication.offset) {
                kept.push_back(Arc::new(publication));
            }
        }
        Some(())
    })
}

/// The key of a note's row.
pub(crate) fn note_key(key: &NoteKey) -> String {
    format!("{} {}", key.channel, key.name)
}

/// A note as a row.
pub(crate) fn pack_note(key: &str, note: &Note) -> Vec<u8> {
    seal(key.as_bytes(), |out| put_note_itself(out, note, true))
}

/// What [`pack_note`] has made.
pub(crate) fn unpack_note(key: &str, row: &[u8]) -> Option<Note> {
    open(key.as_bytes(), row, |from| read_note(from).map(|(note, _)| note))
}

impl OutcomeRow {
    pub(crate) fn pack(&self, lsn: u64) -> Vec<u8> {
        seal(&lsn.to_be_bytes(), |out| {
            put(out, self.channel.as_bytes());
            put(out, self.key.as_bytes());
            put(out, self.epoch.as_str().as_bytes());
            put_numbers(out, &[self.offset, self.time.0]);
            out.extend_from_slice(&self.tag.0);
        })
    }

    pub(crate) fn unpack(lsn: u64, row: &[u8]) -> Option<Self> {
        open(&lsn.to_be_bytes(), row, |from| {
            Some(Self {
                channel: from.text()?.into(),
                key: from.text()?.into(),
                epoch: Epoch::new(from.text()?),
                offset: from.u64()?,
                time: WallTime(from.u64()?),
                tag: from.tag()?,
            })
        })
    }
}
