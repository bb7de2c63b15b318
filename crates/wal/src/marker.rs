//! The checkpoint file: the store's identity, and up to where the log is no longer needed.
//!
//! Two slots are written in turn, in place. A slot that is torn leaves the other one, and a
//! checkpoint needs no new room: it must be possible on a full disk, since it is what frees some.

use std::path::{Path, PathBuf};

use crate::error::{OpenError, io_at, not_full};
use crate::files::{Files, StoredFile};
use crate::names;
use crate::record::{Lsn, StoreId};
use crate::segment::{VERSION, seal, sealed, u64_at};

const MAGIC: [u8; 8] = *b"trnkchk\n";
const LENGTH: usize = 48;
/// Bytes from one slot to the next: slots share no block.
const SLOT: u64 = 4096;

/// The open checkpoint file.
pub(crate) struct Marker {
    file: Box<dyn StoredFile>,
    pub(crate) store: StoreId,
    /// Records up to this one are no longer needed.
    pub(crate) lsn: Lsn,
    /// Counts what was written; its parity chooses the slot.
    generation: u64,
}

impl Marker {
    /// Makes the file of a new store, or of one whose file was lost.
    pub(crate) fn create(
        files: &dyn Files,
        dir: &Path,
        store: StoreId,
        lsn: Lsn,
    ) -> Result<Self, OpenError> {
        let temporary = dir.join(names::CHECKPOINT_NEW);
        let path = dir.join(names::CHECKPOINT);
        let file = files.create(&temporary).map_err(io_at("create", &temporary))?;
        let marker = Self { file, store, lsn, generation: 0 };
        let both = [marker.encode(0, lsn), [0; SLOT as usize]].concat();
        marker.file.write_at(0, &both).map_err(io_at("write", &temporary))?;
        marker.file.sync_data().map_err(io_at("flush", &temporary))?;
        files.rename(&temporary, &path).map_err(io_at("rename", &temporary))?;
        files.sync_dir(dir).map_err(io_at("flush", dir))?;
        Ok(marker)
    }

    /// Reads the file.
    pub(crate) fn open(files: &dyn Files, dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(names::CHECKPOINT);
        let damaged = || OpenError::Damaged { file: path.clone(), offset: 0 };
        let file = files.open(&path).map_err(io_at("open", &path))?;
        let mut best: Option<(u64, StoreId, Lsn)> = None;
        for slot in [0, SLOT] {
            let mut bytes = [0; LENGTH];
            match file.read_at(slot, &mut bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(io_at("read", &path)(error)),
            }
            let Some(version) = sealed(&bytes, MAGIC) else { continue };
            if version != VERSION {
                return Err(OpenError::Version { file: path, found: version, known: VERSION });
            }
            let mut store = StoreId([0; 16]);
            store.0.copy_from_slice(&bytes[16..32]);
            let generation = u64_at(&bytes, 32);
            if best.is_some_and(|(_, other, _)| other != store) {
                return Err(damaged());
            }
            if best.is_none_or(|(known, ..)| known < generation) {
                best = Some((generation, store, Lsn(u64_at(&bytes, 40))));
            }
        }
        let (generation, store, lsn) = best.ok_or_else(damaged)?;
        Ok(Self { file, store, lsn, generation })
    }

    /// True until the first segment of a new store has been made.
    pub(crate) fn is_new(&self) -> bool {
        self.generation == 0
    }

    /// Makes sure that what was read is on disk: it may have come from memory, left there by a
    /// process that was killed or whose flush failed. The same slot is written, so that the other
    /// one, which may be the only one on disk, stays.
    pub(crate) fn reassert(&self) -> std::io::Result<()> {
        self.put(self.generation, self.lsn)
    }

    /// Moves the checkpoint; it is on disk when this returns. After an error the old one holds.
    pub(crate) fn advance(&mut self, lsn: Lsn) -> std::io::Result<()> {
        self.put(self.generation + 1, lsn)?;
        self.generation += 1;
        self.lsn = lsn;
        Ok(())
    }

    fn put(&self, generation: u64, lsn: Lsn) -> std::io::Result<()> {
        self.file.write_at(generation % 2 * SLOT, &self.encode(generation, lsn))?;
        self.file.sync_data().map_err(not_full)
    }

    fn encode(&self, generation: u64, lsn: Lsn) -> [u8; SLOT as usize] {
        let mut bytes = [0; SLOT as usize];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store.0);
        bytes[32..40].copy_from_slice(&generation.to_le_bytes());
        bytes[40..48].copy_from_slice(&lsn.0.to_le_bytes());
        seal(&mut bytes[..LENGTH]);
        bytes
    }
}

/// The path of the file, for messages.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(names::CHECKPOINT)
}
