//! Starts, disturbs and ends the real servers that tests need.
//!
//! - [`Redis`]: one server, with passwords, TLS, a log on disk and limits as [`RedisOptions`] say;
//! - [`Sentinel`]: a master, two replicas and three sentinels that replace it;
//! - [`Cluster`]: three masters with a replica each, and slots that move;
//! - [`HaProxy`] and [`Nginx`]: what stands before nodes in production.
//!
//! Every server is a process of its own in a temporary directory of its own, on a loopback port that
//! nobody else has ([`free_port`]). It is ended by its process id, and waited for, when its value is
//! dropped. All calls block, and every one that waits has a bound. Nothing here knows a client
//! library: [`resp`] holds the little that is needed to set servers up and to ask how they are.
//!
//! To read it: `process`, `redis`, then any other.

mod authority;
mod cluster;
mod error;
mod haproxy;
mod nginx;
mod options;
mod port;
mod process;
mod redis;
pub mod resp;
mod sentinel;
mod slots;
mod wait;

pub use cluster::Cluster;
pub use error::Error;
pub use haproxy::HaProxy;
pub use nginx::Nginx;
pub use options::{Fsync, Memory, RedisOptions, User};
pub use port::{Port, free_port, free_ports};
pub use redis::Redis;
pub use sentinel::Sentinel;
pub use slots::Move;
