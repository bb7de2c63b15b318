//! Changing the index, all or nothing.

use std::sync::Arc;

use redb::{Database, ReadableTable, WriteTransaction};
use trunkline_core::limits::{IDEMPOTENCY_ENTRIES, IDEMPOTENCY_TTL_MS};
use trunkline_core::note::{Note, NoteKey};
use trunkline_core::publication::Publication;
use trunkline_core::time::WallTime;

use super::rows::{self, BLOCK, OutcomeRow, StreamRow, System};
use super::{BLOCKS, IndexError, NOTES, OUTCOMES, STREAMS, SYSTEM, guarded};

/// Changes that become durable together. Dropped, they are none.
pub(crate) struct Saving {
    transaction: WriteTransaction,
}

impl Saving {
    pub(super) fn new(db: &Database) -> Result<Self, IndexError> {
        let mut transaction = db.begin_write()?;
        transaction.set_quick_repair(true);
        Ok(Self { transaction })
    }

    /// Makes the tables of a new index.
    pub(super) fn make_tables(&self) -> Result<(), IndexError> {
        self.transaction.open_table(SYSTEM)?;
        self.transaction.open_table(STREAMS)?;
        self.transaction.open_table(BLOCKS)?;
        self.transaction.open_table(OUTCOMES)?;
        self.transaction.open_table(NOTES)?;
        Ok(())
    }

    /// Writes what has changed of streams.
    pub(crate) fn streams<'a>(
        &self,
        changed: impl Iterator<Item = &'a StreamChange>,
    ) -> Result<(), IndexError> {
        guarded(|| {
            let mut streams = self.transaction.open_table(STREAMS)?;
            let mut blocks = self.transaction.open_table(BLOCKS)?;
            for change in changed {
                let row = &change.row;
                for block in change.obsolete.clone() {
                    blocks.remove((row.id, block))?;
                }
                let same_block = |a: &Arc<Publication>, b: &Arc<Publication>| {
                    a.offset / BLOCK == b.offset / BLOCK
                };
                for publications in change.publications.chunk_by(same_block) {
                    let block = publications[0].offset / BLOCK;
                    let bytes = rows::pack_block(row.id, block, publications.iter());
                    blocks.insert((row.id, block), &*bytes)?;
                }
                streams.insert(&*change.channel, &*row.pack(&change.channel))?;
            }
            Ok(())
        })
    }

    /// Takes streams out.
    pub(crate) fn forget(&self, gone: &[(String, StreamRow)]) -> Result<(), IndexError> {
        guarded(|| {
            let mut streams = self.transaction.open_table(STREAMS)?;
            let mut blocks = self.transaction.open_table(BLOCKS)?;
            for (channel, row) in gone {
                for block in row.blocks() {
                    blocks.remove((row.id, block))?;
                }
                streams.remove(&**channel)?;
            }
            Ok(())
        })
    }

    /// Adds outcomes, and drops those that no longer count.
    pub(crate) fn outcomes(
        &self,
        added: &[(u64, OutcomeRow)],
        now: WallTime,
    ) -> Result<(), IndexError> {
        guarded(|| {
            let mut outcomes = self.transaction.open_table(OUTCOMES)?;
            for (lsn, outcome) in added {
                outcomes.insert(*lsn, &*outcome.pack(*lsn))?;
            }
            while let Some(lsn) = surplus(&outcomes, now)? {
                outcomes.remove(lsn)?;
            }
            Ok(())
        })
    }

    /// Writes notes as they are, or takes them out.
    pub(crate) fn notes(&self, notes: &[(NoteKey, Option<Note>)]) -> Result<(), IndexError> {
        guarded(|| {
            let mut table = self.transaction.open_table(NOTES)?;
            for (key, note) in notes {
                let key = rows::note_key(key);
                match note {
                    Some(note) => table.insert(&*key, &*rows::pack_note(&key, note))?,
                    None => table.remove(&*key)?,
                };
            }
            Ok(())
        })
    }

    /// Writes the row about the store and makes everything durable; or keeps it in memory, if the
    /// disk has no room ([`super::Index::is_full`]).
    pub(crate) fn commit(self, system: &System) -> Result<(), IndexError> {
        guarded(|| {
            let mut table = self.transaction.open_table(SYSTEM)?;
            table.insert(System::KEY, &*system.pack())?;
            drop(table);
            Ok(self.transaction.commit()?)
        })
    }
}

/// The number of the oldest outcome, if it no longer counts.
fn surplus(
    outcomes: &impl ReadableTable<u64, &'static [u8]>,
    now: WallTime,
) -> Result<Option<u64>, IndexError> {
    let Some((lsn, bytes)) = outcomes.first()? else { return Ok(None) };
    let lsn = lsn.value();
    let time = OutcomeRow::unpack(lsn, bytes.value()).map_or(0, |row| row.time.0);
    let expired = time.saturating_add(IDEMPOTENCY_TTL_MS) <= now.0;
    let many = expired || outcomes.len()? > IDEMPOTENCY_ENTRIES as u64;
    Ok(many.then_some(lsn))
}

/// What has changed of a stream since it was saved.
#[derive(Clone, Debug)]
pub(crate) struct StreamChange {
    pub(crate) channel: String,
    pub(crate) row: StreamRow,
    /// Blocks that hold nothing any more.
    pub(crate) obsolete: std::ops::Range<u64>,
    /// Publications of the blocks that are not in the index as they are now.
    pub(crate) publications: Vec<Arc<Publication>>,
}
