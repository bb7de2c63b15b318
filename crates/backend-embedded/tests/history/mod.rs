//! Random histories of a store on a disk that misbehaves.
//!
//! | module | what |
//! |---|---|
//! | `model` | what must be true, whatever happened |
//! | `play` | one history: publishes, reads, checkpoints, faults, crashes, restarts |
//! | `asking` | operations and waiting for them |
//! | `decay` | damage at the end of a history, and its repair |

mod asking;
mod decay;
mod model;
mod play;

use trunkline_wal::files::Files;
use trunkline_wal::testing::FakeDisk;

pub(crate) use play::Happened;

/// Plays the history of a seed; an error says which promise was broken.
pub(crate) fn play<F: Files + Clone>(
    seed: u64,
    wrap: impl Fn(FakeDisk) -> F,
    decaying: bool,
) -> Result<Happened, String> {
    let mut play = play::Play::new(seed, wrap);
    play.run()?;
    if decaying {
        play.decay()?;
    }
    Ok(play.happened)
}
