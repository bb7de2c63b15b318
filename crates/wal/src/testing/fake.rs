//! The fake disk: names, power, room and faults.

mod handles;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::dice::Dice;
use super::inode::{Fate, Inode};

/// How a disk counts the room that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is enough.
    Plenty,
    /// So many bytes for files to grow by; what was allocated is theirs.
    Reserving(u64),
    /// So many bytes to write, wherever: nothing is promised by allocating.
    CopyOnWrite(u64),
}

/// A directory tree in memory that behaves, from a seed, as badly as real disks may.
///
/// Clones are the same disk. Files and locks of before a restart are dead.
#[derive(Clone)]
pub struct FakeDisk {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    stirred: Condvar,
}

type Names = BTreeMap<PathBuf, usize>;

/// A change of names that has not been flushed.
#[derive(Clone, Debug)]
enum NameChange {
    Make(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Make(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

struct State {
    dice: Dice,
    inodes: Vec<Inode>,
    names: Names,
    names_on_disk: Names,
    name_changes: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    /// Counts restarts: handles of before one are dead.
    boot: u64,
    room: Room,
    powered: bool,
    /// Changes and flushes until the power goes.
    power_off_in: Option<u64>,
    /// Flushes until one fails, and how.
    fail_flush_in: Option<(u64, ErrorKind)>,
    /// Changes and flushes wait.
    held: bool,
    /// Someone does.
    waiting: bool,
}

impl FakeDisk {
    /// An empty disk whose misdeeds follow from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            dice: Dice::new(seed),
            inodes: Vec::new(),
            names: Names::new(),
            names_on_disk: Names::new(),
            name_changes: Vec::new(),
            locks: BTreeSet::new(),
            boot: 0,
            room: Room::Plenty,
            powered: true,
            power_off_in: None,
            fail_flush_in: None,
            held: false,
            waiting: false,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), stirred: Condvar::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power goes at the `operations`-th change or flush from now (0: the next one), which may
    /// still reach the disk, or in part. Everything after it fails.
    pub fn power_off_in(&self, operations: u64) {
        self.state().power_off_in = Some(operations);
    }

    /// False once the power has gone.
    #[must_use]
    pub fn is_powered(&self) -> bool {
        self.state().powered
    }

    /// The `flushes`-th flush of a file from now (0: the next one) fails with an error of this kind,
    /// and what it should have flushed is forgotten.
    pub fn fail_flush_in(&self, flushes: u64, kind: ErrorKind) {
        self.state().fail_flush_in = Some((flushes, kind));
    }

    /// Sets how much room there is.
    pub fn set_room(&self, room: Room) {
        self.state().room = room;
    }

    /// How much room there is.
    #[must_use]
    pub fn room(&self) -> Room {
        self.state().room
    }

    /// Changes and flushes wait from now on.
    pub fn hold(&self) {
        self.state().held = true;
    }

    /// Returns once some thread waits since [`hold`](Self::hold).
    pub fn wait_until_held(&self) {
        let mut state = self.state();
        while !state.waiting {
            state = self.shared.stirred.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets those that wait go on.
    pub fn release(&self) {
        self.state().held = false;
        self.shared.stirred.notify_all();
    }

    /// The power goes and comes back: what was not flushed is lost, torn or kept, in any order.
    /// Flaws set before are gone, except that room stays as it is.
    pub fn restart_after_power_loss(&self) {
        let mut state = self.state();
        let State { dice, inodes, names, names_on_disk, name_changes, .. } = &mut *state;
        for inode in inodes {
            inode.crash(Fate::draw(dice), dice);
        }
        let fate = Fate::draw(dice);
        let survivors = dice.below(name_changes.len() as u64 + 1);
        for (place, change) in (0..).zip(name_changes.drain(..)) {
            let survives = match fate {
                Fate::Nothing => false,
                Fate::Everything => true,
                Fate::Beginning => place < survivors,
                Fate::SomeWrites | Fate::SomeSectors => dice.one_in(2),
            };
            if survives {
                change.apply(names_on_disk);
            }
        }
        names.clone_from(names_on_disk);
        state.reboot();
    }

    /// The process was killed: what it wrote is still in memory, and will get to disk some day.
    pub fn restart_after_kill(&self) {
        self.state().reboot();
    }

    /// All files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// The bytes of a file, if it is there.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|inode| state.inodes[*inode].bytes().to_vec())
    }

    /// Puts a file on the disk, flushed.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let mut inode = Inode::default();
        inode.write(0, bytes);
        inode.flush();
        state.inodes.push(inode);
        let number = state.inodes.len() - 1;
        state.names.insert(path.to_owned(), number);
        state.names_on_disk.insert(path.to_owned(), number);
    }

    /// Takes a file off the disk.
    pub fn take(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.names_on_disk.remove(path);
    }

    /// Changes one bit of a file, as a disk may over the years.
    pub fn flip(&self, path: &Path, byte: usize, bit: u8) {
        let mut state = self.state();
        if let Some(inode) = state.names.get(path).copied() {
            state.inodes[inode].flip(byte, bit % 8);
        }
    }

    /// Begins something that changes the disk: waits while it is held, and counts it. True if the
    /// power goes with it.
    fn begin(&self, boot: u64) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.state();
        while state.held {
            state.waiting = true;
            self.shared.stirred.notify_all();
            state = self.shared.stirred.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting = false;
        state.alive(boot)?;
        let last = state.power_off_in == Some(0);
        state.power_off_in = state.power_off_in.map(|left| left.saturating_sub(1));
        state.powered = !last;
        Ok((state, last))
    }

    fn boot(&self) -> u64 {
        self.state().boot
    }

    fn change_name(&self, change: NameChange) -> io::Result<()> {
        let boot = self.boot();
        let (mut state, last) = self.begin(boot)?;
        change.apply(&mut state.names);
        state.name_changes.push(change);
        if last { Err(power_lost()) } else { Ok(()) }
    }
}

impl State {
    fn reboot(&mut self) {
        self.boot += 1;
        self.powered = true;
        self.power_off_in = None;
        self.fail_flush_in = None;
        self.held = false;
        self.locks.clear();
    }

    fn alive(&self, boot: u64) -> io::Result<()> {
        if self.powered && self.boot == boot { Ok(()) } else { Err(power_lost()) }
    }

    fn inode_of(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Takes room for `wanted` bytes, of which `growth` make a file longer; returns how many of
    /// them there is room for.
    fn take_room(&mut self, wanted: u64, growth: u64) -> u64 {
        match &mut self.room {
            Room::Plenty => wanted,
            Room::Reserving(left) => {
                let granted = growth.min(*left);
                *left -= granted;
                wanted - growth + granted
            }
            Room::CopyOnWrite(left) => {
                let granted = wanted.min(*left);
                *left -= granted;
                granted
            }
        }
    }
}

fn power_lost() -> io::Error {
    io::Error::other("the power is gone")
}
