//! The backend over Redis: streams that many nodes share.
//!
//! A channel's stream, the place of its newest publication, and the line on which nodes hear of it
//! are kept by one server, and one [script](scripts) changes all of them at once: the order of the
//! stream is the order in which it is heard. Channels are spread over 256 partitions ([`keys`]), and
//! these over the servers of the [`fleet`]: a single one, the master that sentinels name, several
//! independent ones, or the masters of a cluster. Each [`server`] has a way for commands ([`caller`])
//! and one on which is heard what is published ([`ear`]).
//!
//! Who is in which channel is kept beside them ([`roster`]).
//!
//! All I/O happens on one thread. Nothing is promised about what was on its way when a connection
//! was lost: it may have been done or not. What may have been missed by those who listen is said
//! ([`Sink::doubt`]), and they read it from the stream.

mod backend;
mod caller;
pub mod direct;
mod ear;
mod fleet;
mod foreign;
#[cfg(fuzzing)]
pub mod fuzzing;
mod health;
mod io_thread;
mod keys;
mod limits;
mod link;
mod notes;
mod pending;
mod resp;
mod roster;
mod scripts;
mod seat;
mod server;
mod url;
mod wire;

pub use self::backend::{Options, RedisBackend, StartError};
pub use self::foreign::Hearer;
pub use self::roster::{RedisRoster, RosterOptions};
pub use self::scripts::{publish_script, schedule_script};
pub use self::url::{RedisUrl, UrlError};
