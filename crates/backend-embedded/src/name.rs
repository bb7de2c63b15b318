//! What histories are called.
//!
//! The epoch that clients see is made of three parts: the store, the generation of names in which
//! the stream began, and the lineage it is in. A stream that has never been published to needs no
//! row for it: its epoch follows from the store and the current generation. Before a stream is
//! forgotten a new generation begins, so that no name is ever used for other content.

use std::fmt::Write as _;

use trunkline_core::position::Epoch;
use trunkline_wal::StoreId;

use crate::pack::{Reader, put_numbers};

/// Which way a history took where it parted from what had been seen: the session in which that was
/// noticed, and how often before in the same session. A session is one opening of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lineage {
    pub(crate) session: u64,
    pub(crate) turn: u64,
}

/// The name of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) generation: u64,
    pub(crate) lineage: Lineage,
}

impl Name {
    /// The name of a stream that begins.
    pub(crate) fn new(generation: u64) -> Self {
        Self { generation, lineage: Lineage::default() }
    }

    /// The name of the same stream where it takes another way.
    pub(crate) fn parted(self, session: u64) -> Self {
        let same = self.lineage.session == session;
        let turn = if same { self.lineage.turn + 1 } else { 0 };
        Self { lineage: Lineage { session, turn }, ..self }
    }

    /// As clients see it; 32 bytes at most, for the first 2^32 generations and sessions.
    pub(crate) fn epoch(self, store: StoreId) -> Epoch {
        let mut text = String::with_capacity(32);
        store.0[..5].iter().for_each(|byte| {
            let _ = write!(text, "{byte:02x}"); // Writing to a text cannot fail.
        });
        let _ = write!(text, "{:x}", self.generation);
        let Lineage { session, turn } = self.lineage;
        if self.lineage != Lineage::default() {
            let _ = write!(text, "-{session:x}");
        }
        if turn > 0 {
            let _ = write!(text, "_{turn:x}");
        }
        Epoch::new(&text)
    }

    pub(crate) fn put(self, out: &mut Vec<u8>) {
        put_numbers(out, &[self.generation, self.lineage.session, self.lineage.turn]);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let generation = from.u64()?;
        let lineage = Lineage { session: from.u64()?, turn: from.u64()? };
        Some(Self { generation, lineage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_another_and_short_enough_for_clients() {
        let store = StoreId([0xab; 16]);
        let first = Name::new(0);
        let parted = first.parted(3);
        let again = parted.parted(3);
        let text = |name: Name| name.epoch(store).as_str().to_owned();
        assert_eq!(text(first), "ababababab0");
        assert_eq!(text(parted), "ababababab0-3");
        assert_eq!(text(again), "ababababab0-3_1");
        assert_eq!(text(again.parted(4)), "ababababab0-4");
        assert!(again.lineage > parted.lineage && parted.lineage > first.lineage);
        let long = Name::new(u64::from(u32::MAX)).parted(u64::from(u32::MAX));
        assert!(text(long.parted(u64::from(u32::MAX))).len() <= 32);
    }
}
