//! Bits that change on a disk at rest: noticed, refused or cut off at the end, and repaired.

use std::path::PathBuf;

use trunkline_wal::files::Files;
use trunkline_wal::testing::FakeDisk;
use trunkline_wal::{Lsn, OpenError, Recovered, repair};

use super::data;
use super::play::{Play, Replayed};

impl<F: Files, W: Fn(FakeDisk) -> F> Play<W> {
    /// Changes some bits of one file and opens the log again.
    pub(crate) fn decay(&mut self) -> Result<(), String> {
        let flips = 1 + self.dice.below(3);
        let (path, at) = self.flip_bits(flips);
        let context = |broken: String| format!("with {} changed at {at}: {broken}", path.display());
        let (opened, records) = self.open();
        match opened {
            Ok((wal, recovered)) => {
                drop(wal);
                self.judge_cut(&recovered, records, flips).map_err(context)
            }
            Err(error @ (OpenError::Damaged { .. } | OpenError::Missing { .. })) => {
                self.happened.refused_damage += 1;
                self.judge_repair(&error, flips).map_err(context)
            }
            Err(error) => Err(context(error.to_string())),
        }
    }

    fn flip_bits(&mut self, flips: u64) -> (PathBuf, u64) {
        let mut paths = self.disk.paths();
        paths.retain(|path| {
            path.extension().is_some_and(|end| end == "wal") || path.ends_with("checkpoint")
        });
        let path = paths.swap_remove(self.dice.below(paths.len() as u64) as usize);
        let size = self.disk.bytes(&path).unwrap_or_default().len() as u64;
        // Mostly where something is: headers are small, and files are mostly empty.
        let (from, span) = match self.dice.below(4) {
            0 => (0, 64),
            1 => (4096, 64),
            _ => (4096, size - 4096),
        };
        let mut at = 0;
        for _ in 0..flips {
            at = from + self.dice.below(span);
            self.disk.flip(&path, at as usize, self.dice.below(8) as u8);
        }
        (path, at)
    }

    /// The log opened: everything is there, or the last batch was cut off and that was said.
    fn judge_cut(
        &mut self,
        recovered: &Recovered,
        records: Replayed,
        flips: u64,
    ) -> Result<(), String> {
        let lost = self.model.last().0.saturating_sub(recovered.next.before().0);
        if recovered.checkpoint > self.model.tried {
            return Err(format!("checkpoint {} was invented", recovered.checkpoint));
        }
        if lost > 0 && recovered.torn.is_none() {
            return Err(format!("{lost} records are gone without a word"));
        }
        // A flip in one batch with a whole one behind it is refused, so each costs a batch at most.
        if lost > flips * self.options.batch_records as u64 {
            return Err(format!("{lost} records are gone by {flips} flips"));
        }
        self.happened.cut_tail += u64::from(lost > 0);
        self.model.recovered(recovered, records)
    }

    /// The log was refused: a repair names what is lost, keeps the rest, and the log goes on.
    fn judge_repair(&mut self, refused: &OpenError, flips: u64) -> Result<(), String> {
        let repaired = repair(data(), &self.disk).map_err(|error| format!("repair: {error}"))?;
        if repaired.fault.is_none() && !repaired.checkpoint_rebuilt {
            return Err(format!("nothing to repair after: {refused}"));
        }
        let (opened, records) = self.open();
        let (wal, recovered) = opened.map_err(|error| format!("after repair: {error}"))?;
        self.model.recovered(&recovered, records)?;
        let last = self.model.last();
        if last >= recovered.next {
            let told = repaired.lost.ok_or("a repair lost records without a word")?;
            // With one flip, all behind the damaged batch is readable, so the end is known, unless
            // that batch was the last one.
            let vague = flips > 1 || told.last.is_none();
            if told.first != recovered.next || (!vague && told.last != Some(last)) {
                return Err(format!("{} to {last} are lost, told: {told:?}", recovered.next));
            }
            self.happened.repaired_loss += 1;
        }
        self.model.cut(recovered.next);
        let next = self.model.last().plus(1);
        if recovered.next > next {
            // Everything was below the checkpoint; the numbers go on behind it.
            self.model.kept.insert(recovered.next.before(), Vec::new());
        }
        self.appends(&wal, 1)?;
        drop(wal);
        let (opened, records) = self.open();
        let (_, recovered) = opened.map_err(|error| format!("after going on: {error}"))?;
        if recovered.next.before() != self.model.last() || recovered.next == Lsn(0) {
            return Err(format!("next is {} after repair", recovered.next));
        }
        self.model.recovered(&recovered, records)
    }
}
