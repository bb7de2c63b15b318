//! A TCP proxy that misbehaves on demand. It stands between a node and Redis, or between clients and a
//! node, and does to their bytes what networks do: delays them, slows them down, loses them, flips their
//! bits, cuts them into pieces, keeps the end of one side from the other, resets.
//!
//! Start reading at [`FaultProxy`], the handle, and [`Faults`], what can go wrong. Behind it stand
//!
//! - `lane`: what becomes of the bytes of one direction, and when. A value that is told the time; it has
//!   `luck` (random choices, decided by a seed) and `pace` (bandwidth);
//! - `fate`: what becomes of a connection whose sides end, as a function;
//! - `way` and `connection`: the thin parts that read, write and wait;
//! - `roll`: which connections there are;
//! - `serve`: accepts connections and carries out what the handle says.
//!
//! ```no_run
//! use std::time::Duration;
//! use trunkline_fault_proxy::{BlackHole, Direction, FaultProxy, Faults, LineFaults, Options};
//!
//! # fn main() -> std::io::Result<()> {
//! let redis = ([127, 0, 0, 1], 6379).into();
//! let proxy = FaultProxy::spawn(Options::to(redis, 7))?;
//! // … a node is told to use proxy.address() …
//! proxy.set(Faults::both(LineFaults { latency: Duration::from_millis(20), ..LineFaults::NONE }));
//! proxy.set(Faults::towards(Direction::ToClient, LineFaults::black_hole(BlackHole::Swallow)));
//! proxy.heal();
//! proxy.reset_all();
//! # Ok(())
//! # }
//! ```

mod connection;
mod fate;
mod faults;
mod lane;
mod luck;
mod pace;
mod proxy;
mod roll;
mod serve;
mod way;

pub use crate::faults::{BlackHole, Direction, Faults, LineFaults, Probability};
pub use crate::proxy::{FaultProxy, Options};
