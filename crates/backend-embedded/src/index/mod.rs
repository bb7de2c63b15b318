//! The index: what the streams were at the last checkpoint, and the cold store for those that are
//! not in memory.
//!
//! One file, `index.redb`, with five tables:
//!
//! | table | key | row |
//! |---|---|---|
//! | `system` | `system` | [`System`]: store, checkpoint, sessions, generation |
//! | `streams` | channel | [`StreamRow`]: name, top, what is kept |
//! | `blocks` | stream, offset / 64 | up to 64 publications |
//! | `notes` | channel, a blank, and the name | a note |
//! | `outcomes` | number of the log record | [`OutcomeRow`]: a publish with an idempotency key |
//!
//! Every commit is flushed twice, so that the file is whole after any crash without being read
//! through; and every row has its own checksum, since a disk may change what is at rest.
//!
//! | module | what |
//! |---|---|
//! | `elastic` | the file, which outlives a full disk |
//! | `files` | making, opening and naming it |
//! | `rows` | the rows as bytes |
//! | `saving` | changing it |

mod elastic;
mod files;
mod rows;
mod saving;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use trunkline_core::note::Note;
use trunkline_core::publication::Publication;
use trunkline_wal::files::Files;

use crate::index::elastic::Elastic;
use crate::packed::Unpacking;

pub(crate) use files::{INDEX, MAKING, SUSPECT, damaged_name};
pub(crate) use rows::{BLOCK, OutcomeRow, StreamRow, System};
pub(crate) use saving::{Saving, StreamChange};

/// Pages that are read for one step where they are not to be trusted: more than any step needs, and
/// few enough to descend through them all ([`crate::repair`] has the stack for it).
const WARY_READS: u64 = 65_536;

type Rows<'a, K> = TableDefinition<'a, K, &'static [u8]>;

const SYSTEM: Rows<'_, &str> = TableDefinition::new("system");
const STREAMS: Rows<'_, &str> = TableDefinition::new("streams");
const BLOCKS: Rows<'_, (u64, u64)> = TableDefinition::new("blocks");
const NOTES: Rows<'_, &str> = TableDefinition::new("notes");
const OUTCOMES: Rows<'_, u64> = TableDefinition::new("outcomes");

/// What is wrong with the index.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("{0}")]
    Damaged(String),
    #[error("format version {0}")]
    Version(u32),
    #[error("{0}")]
    Io(io::Error),
}

impl<E: Into<redb::Error>> From<E> for IndexError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Io(error) => match error.kind() {
                // What it should hold is not there.
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Self::Damaged(error.to_string())
                }
                _ => Self::Io(error),
            },
            error => Self::Damaged(error.to_string()),
        }
    }
}

/// Runs what reads or changes the index. Of a damaged file it may panic.
fn guarded<T>(act: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(act))
        .unwrap_or_else(|_| Err(IndexError::Damaged("it cannot be read".into())))
}

fn bad_row(what: &str) -> IndexError {
    IndexError::Damaged(format!("{what} cannot be read"))
}

/// The open index.
pub(crate) struct Index {
    db: Option<Database>,
    file: Arc<Elastic>,
    files: Arc<dyn Files>,
    dir: PathBuf,
    /// A page was found to be damaged, and nothing but single rows can be believed.
    wary: bool,
}

impl Index {
    /// Whether changes wait in memory for room on the disk. What was saved is durable only if not.
    pub(crate) fn is_full(&self) -> bool {
        self.file.is_full()
    }

    /// Tries to write what waits; false if there still is no room.
    pub(crate) fn settle(&self) -> Result<bool, IndexError> {
        self.file.settle().map_err(IndexError::Io)
    }

    fn db(&self) -> Result<&Database, IndexError> {
        self.db.as_ref().ok_or_else(|| IndexError::Io(io::Error::other("the index is closed")))
    }

    /// Begins to read the index as it is at the moment.
    pub(crate) fn read(&self) -> Result<Reading, IndexError> {
        let wary = self.wary.then(|| Arc::clone(&self.file));
        guarded(|| Ok(Reading { transaction: self.db()?.begin_read()?, wary }))
    }

    /// Begins to change it.
    pub(crate) fn save(&self) -> Result<Saving, IndexError> {
        guarded(|| Saving::new(self.db()?))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // As after a crash, so that there is one way back only, and no flush whose failure nobody
        // hears of.
        self.file.freeze();
        let db = self.db.take();
        // Of a damaged one even this may panic.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
        if self.file.is_suspect() {
            files::mark_suspect(&*self.files, &self.dir);
        }
    }
}

/// A stream as it was stored.
pub(crate) type Stored = (StreamRow, VecDeque<Arc<Publication>>);

/// The index at one moment.
pub(crate) struct Reading {
    transaction: ReadTransaction,
    /// The file, if its pages may go round in circles.
    wary: Option<Arc<Elastic>>,
}

impl Reading {
    /// Begins a step: only so much is read for it where the pages are not to be trusted.
    fn step(&self) {
        self.wary.iter().for_each(|file| file.allow_reads(WARY_READS));
    }

    /// The row about the store.
    pub(crate) fn system(&self) -> Result<System, IndexError> {
        guarded(|| {
            let table = self.transaction.open_table(SYSTEM)?;
            let row = table.get(System::KEY)?.ok_or_else(|| bad_row("its beginning"))?;
            match rows::version(row.value()) {
                Some(version) if version != rows::VERSION => Err(IndexError::Version(version)),
                _ => System::unpack(row.value()).ok_or_else(|| bad_row("its beginning")),
            }
        })
    }

    /// A stream, if it is there.
    pub(crate) fn stream(&self, channel: &str) -> Result<Option<Stored>, IndexError> {
        guarded(|| {
            let streams = self.transaction.open_table(STREAMS)?;
            let Some(row) = streams.get(channel)? else { return Ok(None) };
            let row = StreamRow::unpack(channel, row.value())
                .ok_or_else(|| bad_row(&format!("the row of channel {channel}")))?;
            let (kept, whole) = self.publications(&row)?;
            if !whole {
                return Err(bad_row(&format!("a block of channel {channel}")));
            }
            Ok(Some((row, kept)))
        })
    }

    /// The publications of a stream; if a block cannot be read, those behind it, and false.
    fn publications(
        &self,
        row: &StreamRow,
    ) -> Result<(VecDeque<Arc<Publication>>, bool), IndexError> {
        self.step();
        let blocks = self.transaction.open_table(BLOCKS)?;
        let (mut kept, mut whole) = (VecDeque::new(), true);
        let mut unpacking = Unpacking::default();
        for block in row.blocks() {
            let found = blocks.get((row.id, block))?;
            let read = found.and_then(|bytes| {
                let (bytes, wanted) = (bytes.value(), row.low..=row.top);
                rows::unpack_block(row.id, block, bytes, &mut unpacking, wanted, &mut kept)
            });
            let first = row.low.max(block * BLOCK);
            let last = row.top.min(block * BLOCK + BLOCK - 1);
            let begins = kept.front().map_or(last + 1, |publication| publication.offset);
            let complete = kept.back().is_some_and(|publication| publication.offset == last)
                && last + 1 - begins == kept.len() as u64
                && begins <= first;
            if read.is_none() || !complete {
                (kept, whole) = (VecDeque::new(), false);
            }
        }
        Ok((kept, whole))
    }

    /// The channels behind `after`, in order, and their rows, `limit` at most. A row that cannot be
    /// read is none.
    pub(crate) fn streams(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Option<StreamRow>)>, IndexError> {
        guarded(|| {
            self.step();
            let streams = self.transaction.open_table(STREAMS)?;
            let mut found: Vec<(String, Option<StreamRow>)> = Vec::new();
            for row in streams.range(after..)? {
                let (channel, bytes) = row?;
                let channel = channel.value();
                if channel == after {
                    continue;
                }
                if found.len() == limit {
                    break;
                }
                if channel <= found.last().map_or(after, |(last, _)| last) {
                    return Err(bad_row("the order of its rows"));
                }
                found.push((channel.to_owned(), StreamRow::unpack(channel, bytes.value())));
            }
            Ok(found)
        })
    }

    /// How many streams there are.
    pub(crate) fn count(&self) -> Result<u64, IndexError> {
        use redb::ReadableTableMetadata as _;
        guarded(|| Ok(self.transaction.open_table(STREAMS)?.len()?))
    }

    /// All outcomes, oldest first, `true` if every row could be read.
    pub(crate) fn outcomes(&self) -> Result<(Vec<(u64, OutcomeRow)>, bool), IndexError> {
        guarded(|| {
            self.step();
            let outcomes = self.transaction.open_table(OUTCOMES)?;
            let (mut found, mut whole) = (Vec::new(), true);
            for row in outcomes.iter()? {
                let (lsn, bytes) = row?;
                match OutcomeRow::unpack(lsn.value(), bytes.value()) {
                    Some(outcome) => found.push((lsn.value(), outcome)),
                    None => whole = false,
                }
            }
            Ok((found, whole))
        })
    }

    /// All notes, `true` if every row could be read. An index from before there were any has none.
    pub(crate) fn notes(&self) -> Result<(Vec<Note>, bool), IndexError> {
        guarded(|| {
            self.step();
            let notes = match self.transaction.open_table(NOTES) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok((Vec::new(), true)),
                table => table?,
            };
            let (mut found, mut whole) = (Vec::new(), true);
            for row in notes.iter()? {
                let (key, bytes) = row?;
                match rows::unpack_note(key.value(), bytes.value()) {
                    Some(note) => found.push(note),
                    None => whole = false,
                }
            }
            Ok((found, whole))
        })
    }

    /// What can be saved of a stream: all of it, or what is behind the damage, and whether that is
    /// all.
    pub(crate) fn salvage(&self, row: &StreamRow) -> Result<(Stored, bool), IndexError> {
        guarded(|| {
            // What cannot be reached is lost as what cannot be read.
            let (mut kept, whole) = match guarded(|| self.publications(row)) {
                Err(IndexError::Damaged(_)) => (VecDeque::new(), false),
                read => read?,
            };
            let mut row = row.clone();
            if !whole {
                // The tag before the first one that is left is unknown; it becomes the floor.
                row.floor = kept.pop_front().map_or(row.tag, |first| first.tag);
                row.low = kept.front().map_or(row.top + 1, |first| first.offset);
            }
            Ok(((row, kept), whole))
        })
    }
}
