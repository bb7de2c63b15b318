//! A server of our own: configured, started, killed and started again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::args::Delivery;
use crate::chance::Chance;
use crate::failure::{Doing, Failure};

/// A server is ready within this time, also when it has a log to read.
const STARTUP: Duration = Duration::from_secs(60);
/// How often its output is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);
/// Lines of its log that are shown when it does not start.
const LAST_LINES: usize = 10;
/// Below the ports that systems give to outgoing connections (from 32768 on Linux): one of the
/// clients that keep trying while the server is down could otherwise be given the server's own port,
/// and then sit on it.
const PORTS: (u64, u64) = (15_000, 30_000);
/// Attempts to find a port that nobody has.
const ATTEMPTS: usize = 100;
/// What a key of the server API looks like; the server is on loopback and lives for minutes.
pub(crate) const API_KEY: &str = "the-key-of-the-checker";
/// The namespace of channels that keep nothing and are not judged.
pub(crate) const NOISE: &str = "noise";
/// What the names of channels begin with.
pub(crate) const PREFIX: &str = "check:";
/// Publications one recovery hands over at most: more than anybody misses in one round.
const RECOVERY_LIMIT: u64 = 10_000;
/// Up to so many must be recovered. Bytes bound a recovery as well (512 KiB), and a message here has
/// at most some 500 of them.
pub(crate) const RECOVERED_SURELY: u64 = 1_000;

/// A server, running or not.
#[derive(Debug)]
pub(crate) struct Server {
    program: PathBuf,
    /// What it is told beside its configuration.
    arguments: Vec<OsString>,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

/// What its channels keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Publications a channel keeps.
    pub(crate) retention: u64,
    /// When they are delivered.
    pub(crate) delivery: Delivery,
}

impl Server {
    /// Writes a configuration into `folder`, for a server that listens there and is told `arguments`
    /// as well.
    pub(crate) fn prepare(
        program: &Path,
        folder: &Path,
        address: SocketAddr,
        keeping: Keeping,
        arguments: Vec<OsString>,
    ) -> Result<Self, Failure> {
        let delivery = match keeping.delivery {
            Delivery::Stored => "stored",
            Delivery::Early => "early",
        };
        let retention = keeping.retention;
        let configuration = format!(
            r#"[server]
listen = "{address}"
admin_listen = "127.0.0.1:0"

[client]
anonymous = true
insecure = true

[api]
keys = ["{API_KEY}"]

[limits]
history_page = 100000

[[namespaces]]
name = "check"
recovery = true
recovery_limit = {RECOVERY_LIMIT}
history_size = {retention}
history_ttl = "1d"
history_bytes = "1GiB"
delivery = "{delivery}"

[[namespaces]]
name = "{NOISE}"
"#
        );
        Self::configured(program, folder, address, &configuration, arguments)
    }

    /// The same with another configuration, which must say that it listens at `address`.
    pub(crate) fn configured(
        program: &Path,
        folder: &Path,
        address: SocketAddr,
        configuration: &str,
        arguments: Vec<OsString>,
    ) -> Result<Self, Failure> {
        fs::write(folder.join("trunkline.toml"), configuration).doing("writing a configuration")?;
        let (program, folder) = (program.to_owned(), folder.to_owned());
        Ok(Self { program, arguments, folder, address, child: None })
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not say in time that it is ready.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        self.spawn()?;
        let deadline = Instant::now() + STARTUP;
        loop {
            let said = fs::read_to_string(self.stdout()).doing("reading its stdout")?;
            if said.lines().any(|line| line.starts_with("ready listen=")) {
                return Ok(());
            }
            self.still_runs()?;
            if Instant::now() > deadline {
                let why = format!("the server was not ready within {} s", STARTUP.as_secs());
                return Err(self.with_last_words(&why));
            }
            thread::sleep(LOOK);
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn spawn(&mut self) -> Result<(), Failure> {
        let stdout = File::create(self.stdout()).doing("creating a file for stdout")?;
        let log = File::options().create(true).append(true).open(self.folder.join("stderr"));
        let child = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(self.folder.join("trunkline.toml"))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log.doing("creating a file for stderr")?)
            .spawn();
        self.child = Some(child.doing(format_args!("starting {}", self.program.display()))?);
        Ok(())
    }

    fn stdout(&self) -> PathBuf {
        self.folder.join("stdout")
    }

    /// # Errors
    /// It has ended by itself.
    pub(crate) fn still_runs(&mut self) -> Result<(), Failure> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose();
        match ended.doing("looking after the server")?.flatten() {
            None => Ok(()),
            Some(status) => {
                Err(self.with_last_words(&format!("the server ended by itself with {status}")))
            }
        }
    }

    /// The failure of somebody who talked to it: if it has ended, that is the better explanation.
    pub(crate) fn explain(&mut self, failure: Failure) -> Failure {
        self.still_runs().err().unwrap_or(failure)
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// It had ended by itself, which no server should.
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        self.still_runs()?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().and_then(|()| child.wait()).doing("killing the server")?;
        Ok(())
    }

    /// Stops it with SIGSTOP: its connections stay, and it does nothing.
    ///
    /// # Errors
    /// It had ended by itself.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        self.still_runs()?;
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`Server::stop`].
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn go_on(&mut self) -> Result<(), Failure> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let Some(child) = &self.child else {
            return Err(Failure::new("the server is not running"));
        };
        kill_process(Pid::from_child(child), signal).doing("sending a signal to the server")
    }

    fn with_last_words(&self, why: &str) -> Failure {
        let log = fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
        let mut lines: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
        lines.reverse();
        Failure::new(format_args!("{why}; its last words:\n{}", lines.join("\n")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// A port that nobody has.
pub(crate) fn free_port(mut chance: Chance) -> Result<SocketAddr, Failure> {
    for _ in 0..ATTEMPTS {
        let port = PORTS.0 + chance.below(PORTS.1 - PORTS.0);
        let address = SocketAddr::from(([127, 0, 0, 1], port as u16));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(Failure::new("no free port was found"))
}
