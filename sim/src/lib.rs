//! Several nodes, their clients and a broker as one run, which a seed decides to the last byte.
//!
//! What is real: `node::Node` with its lines, switchboard and mailboxes, `core`'s sessions and hub, and
//! the model broker. What is simulated: sockets, time, the shard's loop and the network. Things go
//! wrong as the seed says; at the end all is mended, and everybody must have everything, or have been
//! told why not. `sim/README.md` says how to run it and how to read what it writes.
//!
//! | module | what |
//! |---|---|
//! | [`plan`] | what a seed decides before anything happens |
//! | [`world`] | the run |
//! | [`schedule`] | what is due when |
//! | [`shard`] | a shard without sockets and threads |
//! | [`pipe`] | a socket |
//! | [`client`] | a client |
//! | [`journal`] | what happened |
//! | [`oracle`] | whether it was as it should be |
//! | [`chance`] | everything that is left to chance |

pub mod chance;
pub mod client;
pub mod journal;
pub mod oracle;
pub mod pipe;
pub mod plan;
pub mod schedule;
pub mod shard;
pub mod world;

use crate::world::{Outcome, World};

/// The run of a seed, with so many events before everything is mended; printed line by line if it is
/// to be.
#[must_use]
pub fn run(seed: u64, steps: u64, prints: bool) -> Outcome {
    World::new(seed, prints).run(steps)
}
