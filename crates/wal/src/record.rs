//! What the log keeps, and how it is counted.

use std::fmt;

/// Log sequence number: the place of a record in the log.
///
/// The first record of a store has 1, every further one the next number, without holes and for the
/// life of the store. 0 stands before all records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The number `records` places further on.
    #[must_use]
    pub fn plus(self, records: u64) -> Self {
        Self(self.0.saturating_add(records))
    }

    /// The number just before this one; that of 0 is 0.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One record. The log carries it and does not look inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the owner of the log calls this sort of record.
    pub kind: u8,
    /// The owner's bytes; may be empty.
    pub bytes: &'a [u8],
}

/// The identity of a store: random, given when it is created, and written into every file, so that
/// files of two stores that were mixed up are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}
