//! `trunkline bench`: how far the server is from what the kernel allows.
//!
//! A load generator (one thread, one core) drives the server under test (another core) and, in turn
//! with it, a *floor*: an event loop that writes the very bytes the server writes and does nothing
//! else. Costs are read from the operating system and printed beside, and divided by, the floor's.
//! `docs/performance.md` explains the method and the columns.
//!
//! [`BenchArgs`] is what can be asked; [`run`] does it. Backends are the server's business: it says
//! how its durable one is opened ([`OpenBackend`]), and how the one over Redis is started and what it
//! says to Redis ([`OverRedis`]).

mod args;
mod backend;
mod error;
#[cfg(target_os = "linux")]
mod instrument;

pub use args::BenchArgs;
pub use backend::{OpenBackend, Opened, OverRedis, StartBackend, Started, Written};
pub use error::BenchError;

/// Does what `trunkline bench …` was asked and prints the result on stdout, progress on stderr.
///
/// It starts further processes as `current_exe() bench …`, so the program that mounts [`BenchArgs`]
/// does so as its subcommand `bench`.
///
/// # Errors
/// When a server cannot be started or speaks another protocol, when publications were lost, when
/// `--check` finds a target missed, and on ^C. Every process that was started is gone by then.
#[cfg(target_os = "linux")]
pub fn run(args: BenchArgs) -> Result<(), BenchError> {
    instrument::run(args)
}

/// Refuses: CPU, memory and pinning are read and set through Linux interfaces.
///
/// # Errors
/// Always [`BenchError::NeedsLinux`].
#[cfg(not(target_os = "linux"))]
pub fn run(_: BenchArgs) -> Result<(), BenchError> {
    Err(BenchError::NeedsLinux)
}
