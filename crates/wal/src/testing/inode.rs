//! One file of the fake disk.

use super::dice::Dice;

/// Bytes that a disk writes whole or not at all, usually.
const SECTOR: usize = 512;

/// How a crash treats what was not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing reached the disk.
    Nothing,
    /// Everything did.
    Everything,
    /// What came first did; the last of it is torn at some byte.
    Beginning,
    /// Some writes did, others not, whatever their order.
    SomeWrites,
    /// Some sectors did, others not, whatever their order.
    SomeSectors,
}

impl Fate {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        match dice.below(6) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::Beginning,
            3 => Self::SomeWrites,
            _ => Self::SomeSectors,
        }
    }
}

/// A change that has not been flushed.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Size(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Size(size) => to.resize(*size, 0),
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
        }
    }

    /// The part of a write from `from` on, `length` bytes at most.
    fn part(&self, from: usize, length: usize) -> Option<Self> {
        let Self::Write { at, bytes } = self else { return None };
        let bytes = &bytes[from..bytes.len().min(from + length)];
        Some(Self::Write { at: at + from, bytes: bytes.to_vec() })
    }
}

/// A file: its bytes on disk, its bytes as they are read, and the changes between.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    on_disk: Vec<u8>,
    in_memory: Vec<u8>,
    dirty: Vec<Change>,
}

impl Inode {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.in_memory
    }

    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        self.change(Change::Write { at: at as usize, bytes: bytes.to_vec() });
    }

    pub(crate) fn resize(&mut self, size: u64) {
        self.change(Change::Size(size as usize));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.in_memory);
        self.dirty.push(change);
    }

    pub(crate) fn flush(&mut self) {
        self.dirty.drain(..).for_each(|change| change.apply(&mut self.on_disk));
    }

    /// A flush that fails: some of the changes reached the disk, and the rest is forgotten. Memory
    /// goes on showing it, or not.
    pub(crate) fn fail_to_flush(&mut self, dice: &mut Dice) {
        self.settle(Fate::draw(dice), dice);
        if dice.one_in(2) {
            self.in_memory.clone_from(&self.on_disk);
        }
    }

    /// The power goes.
    pub(crate) fn crash(&mut self, fate: Fate, dice: &mut Dice) {
        self.settle(fate, dice);
        self.in_memory.clone_from(&self.on_disk);
    }

    fn settle(&mut self, fate: Fate, dice: &mut Dice) {
        let dirty = std::mem::take(&mut self.dirty);
        let survivors = if dirty.is_empty() { 0 } else { dice.below(dirty.len() as u64 + 1) };
        for (place, change) in dirty.iter().enumerate() {
            let Change::Write { bytes, .. } = change else {
                // A size is taken over or not; a write behind it makes the file longer anyway.
                if fate == Fate::Everything || (fate != Fate::Nothing && dice.one_in(2)) {
                    change.apply(&mut self.on_disk);
                }
                continue;
            };
            match fate {
                Fate::Nothing => {}
                Fate::Everything => change.apply(&mut self.on_disk),
                Fate::Beginning if (place as u64) < survivors => change.apply(&mut self.on_disk),
                Fate::Beginning if place as u64 == survivors && !bytes.is_empty() => {
                    let length = dice.below(bytes.len() as u64) as usize;
                    change.part(0, length).iter().for_each(|part| part.apply(&mut self.on_disk));
                }
                Fate::Beginning => {}
                Fate::SomeWrites => {
                    if dice.one_in(2) {
                        change.apply(&mut self.on_disk);
                    }
                }
                Fate::SomeSectors => self.some_sectors(change, dice),
            }
        }
    }

    fn some_sectors(&mut self, change: &Change, dice: &mut Dice) {
        let Change::Write { at, bytes } = change else { return };
        let mut from = 0;
        while from < bytes.len() {
            let length = SECTOR - (at + from) % SECTOR;
            if dice.one_in(2) {
                change.part(from, length).iter().for_each(|part| part.apply(&mut self.on_disk));
            }
            from += length;
        }
    }

    /// Changes a bit, on disk and in memory.
    pub(crate) fn flip(&mut self, byte: usize, bit: u8) {
        for bytes in [&mut self.on_disk, &mut self.in_memory] {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= 1 << bit;
            }
        }
    }
}
