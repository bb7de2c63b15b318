//! The fake disk as files: each call asks for power, counts, and takes room.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{FakeDisk, NameChange, State, power_lost};
use crate::files::{Files, StoredFile};
use crate::testing::inode::Inode;

impl FakeDisk {
    fn file(&self, inode: usize, boot: u64) -> Box<dyn StoredFile> {
        Box::new(FakeFile { disk: self.clone(), inode, boot })
    }
}

impl Files for FakeDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        let state = self.state();
        state.alive(state.boot)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive(state.boot)?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        let boot = self.boot();
        let inode = {
            let mut state = self.state();
            state.alive(boot)?;
            state.inodes.push(Inode::default());
            state.inodes.len() - 1
        };
        self.change_name(NameChange::Make(path.to_owned(), inode))?;
        Ok(self.file(inode, boot))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        let state = self.state();
        state.alive(state.boot)?;
        let (inode, boot) = (state.inode_of(path)?, state.boot);
        drop(state);
        Ok(self.file(inode, boot))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.state().inode_of(from)?;
        self.change_name(NameChange::Rename(from.to_owned(), to.to_owned(), inode))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().inode_of(path)?;
        self.change_name(NameChange::Remove(path.to_owned()))
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let boot = self.boot();
        let (mut state, last) = self.begin(boot)?;
        if last {
            return Err(power_lost());
        }
        let changes = std::mem::take(&mut state.name_changes);
        changes.iter().for_each(|change| change.apply(&mut state.names_on_disk));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut state = self.state();
        state.alive(state.boot)?;
        if !state.locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FakeLock { disk: self.clone(), path: path.to_owned(), boot: state.boot }))
    }
}

struct FakeLock {
    disk: FakeDisk,
    path: PathBuf,
    boot: u64,
}

impl Drop for FakeLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

struct FakeFile {
    disk: FakeDisk,
    inode: usize,
    boot: u64,
}

impl FakeFile {
    fn grow(&self, size: u64) -> io::Result<()> {
        let (mut state, last) = self.disk.begin(self.boot)?;
        let before = state.inodes[self.inode].bytes().len() as u64;
        let growth = size.saturating_sub(before);
        let granted = state.take_room(growth, growth);
        if granted > 0 {
            state.inodes[self.inode].resize(before + granted);
        }
        match (last, granted < growth) {
            (true, _) => Err(power_lost()),
            (_, true) => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl StoredFile for FakeFile {
    fn size(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.alive(self.boot)?;
        Ok(state.inodes[self.inode].bytes().len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        state.alive(self.boot)?;
        let bytes = state.inodes[self.inode].bytes();
        let there = bytes.get(offset as usize..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(there.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, last) = self.disk.begin(self.boot)?;
        let end = offset + bytes.len() as u64;
        let wanted = bytes.len() as u64;
        let growth = end.saturating_sub(state.inodes[self.inode].bytes().len() as u64);
        let granted = state.take_room(wanted, growth.min(wanted));
        if granted > 0 {
            state.inodes[self.inode].write(offset, &bytes[..granted as usize]);
        }
        match (last, granted < wanted) {
            (true, _) => Err(power_lost()),
            (_, true) => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, last) = self.disk.begin(self.boot)?;
        if last {
            return Err(power_lost());
        }
        let State { dice, inodes, fail_flush_in, .. } = &mut *state;
        if let Some((0, kind)) = *fail_flush_in {
            *fail_flush_in = None;
            inodes[self.inode].fail_to_flush(dice);
            return Err(io::Error::new(kind, "the disk failed"));
        }
        *fail_flush_in = fail_flush_in.map(|(left, kind)| (left - 1, kind));
        inodes[self.inode].flush();
        Ok(())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let (mut state, last) = self.disk.begin(self.boot)?;
        state.inodes[self.inode].resize(size);
        if last { Err(power_lost()) } else { Ok(()) }
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.grow(size)
    }
}
