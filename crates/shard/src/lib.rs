//! One event loop per core.
//!
//! A shard accepts connections for itself and owns them to their end; no other thread touches
//! them. It sleeps until sockets or its mailbox stir, and then makes one turn: it reads what came,
//! hands commands to sessions, takes what other threads put into its mailbox, and at the very end
//! writes to every connection once, whatever that connection gained on the way.
//!
//! | module | what |
//! |---|---|
//! | [`settings`] | what a shard is given |
//! | `shard` | the loop, and what a turn consists of |
//! | `arrival` | accepting, and adopting what another shard accepted |
//! | `opening` | from a request head to an open connection, a refusal or a hand-over |
//! | `reading` | bytes in |
//! | `acting` | effects of sessions |
//! | `listening` | from being held to receiving, and back |
//! | `mail` | events from other threads |
//! | `delivering` | a message to its listeners |
//! | `gaps` | counting what could not be given to somebody |
//! | `turn` | what is to be written at the end of a turn |
//! | `writing` | what connections gain, and when it is written |
//! | `outbox` | bytes out |
//! | `queue` | the queue of a socket that would block, and what may be dropped from it |
//! | `wheel` | deadlines |

mod acting;
mod arrival;
mod connection;
mod delivering;
mod gaps;
mod ids;
mod listening;
mod mail;
mod opening;
mod outbox;
mod queue;
mod reading;
pub mod settings;
mod shard;
mod turn;
mod wheel;
mod withholding;
mod writing;

pub use settings::{Intake, Listening, Settings};
pub use shard::{Shard, ShardHandle};
