//! Bits that change on a disk at rest: noticed, refused, and repaired without a false word.

use std::path::PathBuf;

use trunkline_backend_embedded::{Cause, OpenError, repair_with};
use trunkline_wal::files::Files;
use trunkline_wal::testing::FakeDisk;

use super::asking::Asking;
use super::model::May;
use super::play::Play;

impl<F: Files + Clone, W: Fn(FakeDisk) -> F> Play<W> {
    /// Damages one file, opens the store, and has it repaired if it refuses.
    pub(crate) fn decay(&mut self) -> Result<(), String> {
        let path = self.damage();
        self.judge_damaged(true).map_err(|broken| format!("damaged {}: {broken}", path.display()))
    }

    fn damage(&mut self) -> PathBuf {
        let mut paths = self.disk.paths();
        paths.retain(|path| {
            let end = path.extension().and_then(|end| end.to_str());
            end == Some("wal") || path.ends_with("index.redb")
        });
        let path = paths.swap_remove(self.dice.below(paths.len() as u64) as usize);
        let bytes = self.disk.bytes(&path).unwrap_or_default();
        let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        if self.dice.one_in(8) {
            self.disk.take(&path);
        } else {
            for _ in 0..1 + self.dice.below(3) {
                let at = written[self.dice.below(written.len() as u64) as usize];
                self.disk.flip(&path, at, self.dice.below(8) as u8);
            }
        }
        path
    }

    fn judge_damaged(&mut self, may_refuse: bool) -> Result<(), String> {
        let files = (self.wrap)(self.disk.clone());
        match Asking::open(files, self.options.clone(), &self.now) {
            Ok(asking) => {
                // The last batch looks like one that was never finished; that was said.
                let cut = asking.opened.torn.is_some();
                if cut && may_refuse {
                    return Ok(());
                }
                self.judge(&asking, May::Lose)?;
                if asking.failures() == 0 {
                    return self.finish(asking);
                }
                self.happened.refused_damage += 1;
                drop(asking);
            }
            Err(OpenError::Io { source, .. }) => return Err(format!("refused: {source}")),
            Err(error) if !error.to_string().contains("trunkline repair") => {
                return Err(format!("refused without a way on: {error}"));
            }
            Err(_) => self.happened.refused_damage += 1,
        }
        if !may_refuse {
            return Err("refused after a repair".into());
        }
        let repaired = repair_with(self.disk.clone(), "data".as_ref(), Cause::Damage)
            .map_err(|error| format!("repair: {error}"))?;
        if !repaired.changed {
            return Err("there was nothing to repair".into());
        }
        self.happened.repairs += 1;
        self.judge_damaged(false)
    }
}
