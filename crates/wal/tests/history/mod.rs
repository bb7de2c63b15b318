//! Random histories of a log on a disk that misbehaves.
//!
//! | module | what |
//! |---|---|
//! | `model` | what must be true, whatever happened |
//! | `play` | one history: appends, checkpoints, faults, crashes, restarts |
//! | `decay` | damage at the end of a history, and its repair |

mod decay;
mod model;
mod play;

use std::path::Path;

use trunkline_wal::files::Files;
use trunkline_wal::testing::{Dice, FakeDisk};
use trunkline_wal::{Options, StoreId};

pub(crate) use play::Happened;

/// The data directory of every history.
pub(crate) fn data() -> &'static Path {
    Path::new("data")
}

/// Small sizes, so that segments change and queues fill within a few appends.
fn options(dice: &mut Dice) -> Options {
    Options {
        segment_bytes: 5600 + dice.below(6000),
        record_bytes: 500,
        batch_bytes: 1024,
        batch_records: 8,
        queue_bytes: 2600,
        spare_segments: dice.below(3) as usize,
        store: Some(StoreId([5; 16])),
        ..Options::default()
    }
}

/// Plays the history of a seed; an error says which promise was broken.
pub(crate) fn play<F: Files>(
    seed: u64,
    wrap: impl Fn(FakeDisk) -> F,
    believing: bool,
) -> Result<Happened, String> {
    let mut dice = Dice::new(seed);
    let options = Options { believe_checksums: believing, ..options(&mut dice) };
    let mut play = play::Play::new(FakeDisk::new(seed), wrap, options, dice);
    play.run()?;
    if !believing {
        play.decay()?;
    }
    Ok(play.happened)
}
