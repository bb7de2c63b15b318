//! Making, opening and naming the index file.

use std::path::Path;
use std::sync::Arc;

use redb::Builder;
use trunkline_wal::files::{Files, is_full};

use super::elastic::{Elastic, Handle};
use super::{Index, IndexError, Saving, System, guarded};
use crate::error::{OpenError, io_at};

/// The index, below the data directory.
pub(crate) const INDEX: &str = "index.redb";
/// The index while it is being made.
pub(crate) const MAKING: &str = "index.making";
/// There while the index may hold what is in memory and not on disk, since a flush has failed.
pub(crate) const SUSPECT: &str = "index.suspect";

/// Bytes that are read and written at once where a file is gone through.
const STEP: u64 = 1 << 20;

impl Index {
    /// Makes the index of a new store.
    pub(crate) fn create(
        files: &Arc<dyn Files>,
        dir: &Path,
        system: &System,
    ) -> Result<(), OpenError> {
        Self::create_at(files, dir, system, &|_| Ok(()))?;
        let (path, target) = (dir.join(MAKING), dir.join(INDEX));
        files.rename(&path, &target).map_err(io_at("rename", &path))?;
        files.sync_dir(dir).map_err(io_at("flush", dir))
    }

    /// Makes an index out of what `fill` puts in, under the name [`MAKING`], durably.
    pub(crate) fn create_at(
        files: &Arc<dyn Files>,
        dir: &Path,
        system: &System,
        fill: &dyn Fn(&Saving) -> Result<(), IndexError>,
    ) -> Result<(), OpenError> {
        let path = dir.join(MAKING);
        let file = files.create(&path).map_err(io_at("create", &path))?;
        {
            let index = Self::over(files, dir, file, STEP as usize, &path)?;
            let made = guarded(|| {
                let saving = index.save()?;
                saving.make_tables()?;
                fill(&saving)?;
                saving.commit(system)
            });
            made.map_err(|error| error.at(&path))?;
            if index.is_full() {
                let source = std::io::ErrorKind::StorageFull.into();
                return Err(OpenError::Io { action: "write", file: path, source });
            }
        }
        Ok(())
    }

    /// Opens the index of a data directory, as far as it is read for that.
    pub(crate) fn open(
        files: &Arc<dyn Files>,
        dir: &Path,
        cache_bytes: usize,
    ) -> Result<Self, OpenError> {
        let path = dir.join(INDEX);
        let file = files.open(&path).map_err(io_at("open", &path))?;
        let names = files.list(dir).map_err(io_at("list", dir))?;
        if names.iter().any(|name| name == SUSPECT) {
            write_again(&*file).map_err(io_at("write", &path))?;
            let mark = dir.join(SUSPECT);
            files.remove(&mark).map_err(io_at("remove", &mark))?;
            files.sync_dir(dir).map_err(io_at("flush", dir))?;
        }
        Self::over(files, dir, file, cache_bytes, &path)
    }

    /// Opens an index of which a page is damaged, to save what can be read.
    pub(crate) fn open_damaged(files: &Arc<dyn Files>, dir: &Path) -> Result<Self, OpenError> {
        // Nothing is cached, so that every page that is looked at counts.
        let mut index = Self::open(files, dir, 0)?;
        index.wary = true;
        Ok(index)
    }

    /// Reads every page. Of a page that has changed at rest the store below would believe anything.
    /// If one has, the index has to be opened again before it is used for anything else.
    pub(crate) fn verify(&mut self) -> Result<(), IndexError> {
        let db = self.db.as_mut();
        guarded(|| {
            let whole = db.map_or(Ok(true), redb::Database::check_integrity)?;
            if !whole {
                tracing::warn!("the free pages of the index were counted anew");
            }
            Ok(())
        })
    }

    fn over(
        files: &Arc<dyn Files>,
        dir: &Path,
        file: Box<dyn trunkline_wal::files::StoredFile>,
        cache_bytes: usize,
        path: &Path,
    ) -> Result<Self, OpenError> {
        let file = Arc::new(Elastic::new(file).map_err(io_at("measure", path))?);
        // Owned from here on, so that a failed flush is remembered however this ends.
        let (files, dir) = (Arc::clone(files), dir.to_owned());
        let mut index = Self { db: None, file: Arc::clone(&file), files, dir, wary: false };
        let db = guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(cache_bytes);
            Ok(builder.create_with_backend(Handle(file))?)
        });
        index.db = Some(db.map_err(|error| error.at(path))?);
        Ok(index)
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.join(INDEX)
    }
}

impl IndexError {
    /// As what was wrong with a file.
    pub(crate) fn at(self, file: &Path) -> OpenError {
        match self {
            Self::Io(source) => io_at("use", file)(source),
            Self::Damaged(reason) => OpenError::Damaged { file: file.to_owned(), reason },
            Self::Version(found) => {
                OpenError::Version { file: file.to_owned(), found, known: super::rows::VERSION }
            }
        }
    }
}

/// Writes a file as it is read. What a failed flush has left in memory only gets to the disk so.
fn write_again(file: &dyn trunkline_wal::files::StoredFile) -> std::io::Result<()> {
    let size = file.size()?;
    let mut at = 0;
    while at < size {
        let mut bytes = vec![0; STEP.min(size - at) as usize];
        file.read_at(at, &mut bytes)?;
        file.write_at(at, &bytes)?;
        at += bytes.len() as u64;
    }
    file.sync_data()
}

/// Leaves word that a flush has failed. If even that fails, so does what comes next.
pub(super) fn mark_suspect(files: &dyn Files, dir: &Path) {
    let mark = dir.join(SUSPECT);
    if let Err(error) = files.create(&mark).and_then(|_| files.sync_dir(dir)) {
        let full = is_full(&error);
        tracing::error!(%error, full, "cannot note that a flush of the index has failed");
    }
}

/// A free name for an index that is set aside.
pub(crate) fn damaged_name(taken: &[String]) -> String {
    let name = |copy: usize| match copy {
        1 => format!("damaged-{INDEX}"),
        _ => format!("damaged-{INDEX}.{copy}"),
    };
    (1..).map(name).find(|name| !taken.contains(name)).unwrap_or_default()
}
