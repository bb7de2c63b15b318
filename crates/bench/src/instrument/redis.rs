//! The Redis that nodes share while they are measured: one that runs already, or one of the bench's
//! own, which keeps everything in memory and nothing on disk.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::error::{BenchError, Doing};
use crate::instrument::bare::Bare;
use crate::instrument::process::{last_lines, launched, private_directory};
use crate::instrument::usage::Cpu;

/// A server that was started answers within this time.
const STARTUP: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(1);

/// A Redis. Dropping it ends the server, unless that ran before the bench did.
#[derive(Debug)]
pub(crate) struct Redis {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What all names of this bench begin with.
    pub(crate) prefix: String,
    own: Option<Own>,
}

/// A server of the bench's own.
#[derive(Debug)]
struct Own {
    child: Child,
    core: Option<usize>,
    /// Its working directory, with what it says.
    directory: TempDir,
}

impl Redis {
    /// One that runs already, at `redis://HOST:PORT`.
    ///
    /// # Errors
    /// It is no such URL, or nobody answers.
    pub(crate) fn running(url: &str) -> Result<Self, BenchError> {
        let host = url.strip_prefix("redis://").map(|rest| rest.trim_end_matches('/'));
        let address = host.and_then(|host| host.to_socket_addrs().ok()?.next());
        let wrong = || BenchError::Usage(format!("--redis wants redis://HOST:PORT, not {url}"));
        let redis = Self { address: address.ok_or_else(wrong)?, prefix: prefix(), own: None };
        Bare::connect(redis.address)?.ask(&[b"PING"])?;
        Ok(redis)
    }

    /// Starts a server, pinned to `core`, and waits until it answers.
    ///
    /// # Errors
    /// There is no `redis-server`, or it does not answer in time.
    pub(crate) fn start(core: Option<usize>) -> Result<Self, BenchError> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let address = free.doing("finding a free port")?;
        let own = Own::start(address, core, private_directory()?)?;
        Ok(Self { address, prefix: prefix(), own: Some(own) })
    }

    /// Ends the server as a crash does and starts it again at the same place, empty. Says when it
    /// answered.
    ///
    /// # Errors
    /// As for a start; and it must be the bench's own.
    pub(crate) fn restart(&mut self) -> Result<Instant, BenchError> {
        let Some(own) = self.own.take() else {
            return Err(BenchError::Usage("a Redis of others is not restarted".into()));
        };
        let core = own.core;
        drop(own);
        self.own = Some(Own::start(self.address, core, private_directory()?)?);
        Ok(Instant::now())
    }

    /// What it has used so far; nothing is known of a server of others.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn cpu(&self) -> Result<Option<Cpu>, BenchError> {
        self.own.as_ref().map(|own| Cpu::of(own.child.id())).transpose()
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

/// A prefix that no other bench has used.
fn prefix() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("bench-{:x}", now.as_millis())
}

impl Own {
    fn start(
        address: SocketAddr,
        core: Option<usize>,
        directory: TempDir,
    ) -> Result<Self, BenchError> {
        let port = address.port().to_string();
        let place = directory.path().display().to_string();
        let command = ["redis-server", "--bind", "127.0.0.1", "--port", &port, "--dir", &place]
            .into_iter()
            .chain(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .map(str::to_owned);
        let command: Vec<String> = command.collect();
        let child = launched("redis-server", &command, core, directory.path())?;
        let mut own = Self { child, core, directory };
        let deadline = Instant::now() + STARTUP;
        while Bare::connect(address).and_then(|mut bare| bare.ask(&[b"PING"])).is_err() {
            let ended = own.child.try_wait().doing("waiting for redis-server")?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(BenchError::NotReady { who: "redis-server", why: own.said() });
            }
            thread::sleep(LOOK);
        }
        Ok(own)
    }

    /// Its last words.
    fn said(&self) -> String {
        let read = |name| std::fs::read_to_string(self.directory.path().join(name));
        let all = ["stdout", "stderr"].map(|name| read(name).unwrap_or_default()).concat();
        last_lines(&all, 5)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
