//! The oracle: what was promised, compared with what a restart brings back.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_wal::{Lsn, Recovered};

/// Every payload is unique, so it stands for its record.
type Payload = Vec<u8>;

/// What is known about all records so far.
#[derive(Default)]
pub(crate) struct Model {
    /// Acknowledged, or recovered once.
    pub(crate) kept: BTreeMap<Lsn, Payload>,
    /// In flight when something failed: may be there at the next restart, or never.
    undecided: BTreeSet<Payload>,
    /// Refused, or not there at a restart: must never appear.
    dead: BTreeSet<Payload>,
    /// The last checkpoint that was acknowledged.
    pub(crate) checkpoint: Lsn,
    /// The last one that was tried.
    pub(crate) tried: Lsn,
}

impl Model {
    pub(crate) fn last(&self) -> Lsn {
        self.kept.last_key_value().map_or(Lsn(0), |(lsn, _)| *lsn)
    }

    pub(crate) fn acknowledged(
        &mut self,
        first: Lsn,
        payloads: Vec<Payload>,
    ) -> Result<(), String> {
        for (place, payload) in (0..).zip(payloads) {
            if first.plus(place) != self.last().plus(1) {
                return Err(format!("{} acknowledged after {}", first.plus(place), self.last()));
            }
            self.kept.insert(first.plus(place), payload);
        }
        Ok(())
    }

    pub(crate) fn refused(&mut self, payloads: Vec<Payload>) {
        self.dead.extend(payloads);
    }

    pub(crate) fn undecided(&mut self, payloads: Vec<Payload>) {
        self.undecided.extend(payloads);
    }

    /// Judges a restart, and takes its word for what was undecided.
    pub(crate) fn restarted(
        &mut self,
        recovered: &Recovered,
        records: Vec<(Lsn, Payload)>,
    ) -> Result<(), String> {
        let checkpoint = recovered.checkpoint;
        if checkpoint < self.checkpoint || checkpoint > self.tried {
            return Err(format!("checkpoint {checkpoint} instead of {}", self.checkpoint));
        }
        let last = records.last().map_or(checkpoint, |(lsn, _)| *lsn);
        if last < self.last() {
            return Err(format!(
                "acknowledged records {} to {} are lost",
                last.plus(1),
                self.last()
            ));
        }
        self.recovered(recovered, records)?;
        self.checkpoint = checkpoint;
        self.dead.append(&mut self.undecided);
        Ok(())
    }

    /// Judges that everything recovered is true and in order, wherever it ends.
    pub(crate) fn recovered(
        &mut self,
        recovered: &Recovered,
        records: Vec<(Lsn, Payload)>,
    ) -> Result<(), String> {
        let mut expected = recovered.checkpoint.plus(1);
        for (lsn, payload) in records {
            if lsn != expected {
                return Err(format!("record {lsn} where {expected} should be"));
            }
            expected = lsn.plus(1);
            match self.kept.get(&lsn) {
                Some(kept) if *kept == payload => continue,
                Some(_) => return Err(format!("record {lsn} is not the one acknowledged")),
                None => {}
            }
            if self.dead.contains(&payload) {
                return Err(format!("record {lsn} had been refused or lost before"));
            }
            if !self.undecided.remove(&payload) {
                return Err(format!("record {lsn} was never appended"));
            }
            self.kept.insert(lsn, payload);
        }
        if recovered.next != expected {
            return Err(format!("next is {} after {}", recovered.next, expected.before()));
        }
        Ok(())
    }

    /// Forgets what a repair has taken out of the log.
    pub(crate) fn cut(&mut self, from: Lsn) {
        let lost = self.kept.split_off(&from);
        self.dead.extend(lost.into_values());
    }
}
