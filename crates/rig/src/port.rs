//! Ports on the loopback interface that nobody else takes while they are held.
//!
//! A server that is killed and started again needs its old port, so asking the system for any free
//! one is not enough: between death and restart somebody's outgoing connection could get it. Ports
//! come from below the range that Linux hands out by itself, and a lock on a file per port keeps
//! other test processes of the same user away. The system drops the lock with the process that holds
//! it, however that ends.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, process};

use crate::error::Error;

/// The lowest port given out.
const FIRST: u16 = 12_000;

/// How many there are. With their buses they end at 32,000, below 32,768, where Linux begins to hand
/// out ports for outgoing connections.
const COUNT: u16 = 10_000;

/// How far above its port a Redis Cluster node has its bus, unless it is told otherwise.
const BUS: u16 = 10_000;

/// A port that is ours until the last copy of this value is dropped.
#[derive(Clone, Debug)]
pub struct Port {
    number: u16,
    _lock: Arc<File>,
}

impl Port {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// It on 127.0.0.1.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        loopback(self.number)
    }
}

/// A port that is free on 127.0.0.1, as is the one 10,000 above it, which a cluster node needs.
///
/// # Errors
///
/// [`Error::Ports`] if all are taken; [`Error::System`] if the temporary directory cannot be used.
pub fn free_port() -> Result<Port, Error> {
    let folder = locks()?;
    let start = anywhere();
    for step in 0..COUNT {
        let number = FIRST + (start + step) % COUNT;
        if let Some(port) = claim(&folder, number)? {
            return Ok(port);
        }
    }
    Err(Error::Ports { first: FIRST, last: FIRST + COUNT - 1 })
}

/// As many different ones.
///
/// # Errors
///
/// As [`free_port`].
pub fn free_ports(count: usize) -> Result<Vec<Port>, Error> {
    (0..count).map(|_| free_port()).collect()
}

/// Takes the lock of a port, if nobody has it and nobody listens there.
fn claim(folder: &std::path::Path, number: u16) -> Result<Option<Port>, Error> {
    let path = folder.join(number.to_string());
    let lock = File::create(&path).map_err(Error::system(path.display().to_string()))?;
    let ours = lock.try_lock().is_ok();
    let free = ours && bindable(number) && bindable(number + BUS);
    Ok(free.then(|| Port { number, _lock: Arc::new(lock) }))
}

fn bindable(number: u16) -> bool {
    TcpListener::bind(loopback(number)).is_ok()
}

fn loopback(number: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, number).into()
}

/// Where the locks are: one folder per user, since a file of another could not be opened.
fn locks() -> Result<PathBuf, Error> {
    let user = rustix::process::getuid().as_raw();
    let folder = env::temp_dir().join(format!("trunkline-rig-ports-{user}"));
    fs::create_dir_all(&folder).map_err(Error::system(folder.display().to_string()))?;
    Ok(folder)
}

/// Where to begin, so that processes that start together do not try the same ports in turn.
fn anywhere() -> u16 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let mixed = nanos / 1000 + process::id().wrapping_mul(7919);
    u16::try_from(mixed % u32::from(COUNT)).unwrap_or(0)
}
