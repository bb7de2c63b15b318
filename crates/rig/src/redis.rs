//! One Redis server.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use std::{fmt, fs};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::authority::{self, Certified};
use crate::error::Error;
use crate::options::{RIG, RedisOptions, SECRET, SOCKET};
use crate::port::{Port, free_port};
use crate::process::{Process, Program};
use crate::resp::{Line, Reply};
use crate::wait;

pub(crate) static REDIS: Program =
    Program { name: "redis-server", package: "redis-server", has_workers: false };

/// How long a server may take until it answers, its log read. Servers answer within a tenth of a
/// second on an idle machine; where tests run, several compilers may be at work.
const STARTING: Duration = Duration::from_secs(20);

/// How long an answer may take. What is asked here is done at once, unless the server is stopped.
const ANSWERING: Duration = Duration::from_secs(10);

/// A running redis-server, or a sentinel. It ends, and its directory goes, when this is dropped.
pub struct Redis {
    // Ends before its directory goes.
    process: Process,
    folder: TempDir,
    port: Port,
    scheme: &'static str,
    credentials: String,
    certified: Option<Certified>,
}

impl Redis {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if it is not installed; [`Error::Start`], with the end of its log, if it
    /// did not start; [`Error::System`] if there is no room for its directory.
    pub fn start(options: &RedisOptions) -> Result<Self, Error> {
        let certified = options.tls.then(authority::certify).transpose()?;
        let port = options.port.clone().map_or_else(free_port, Ok)?;
        let folder = folder()?;
        if let Some(certified) = &certified {
            write(folder.path(), "authority.pem", &certified.authority)?;
            write(folder.path(), "server.pem", &certified.certificate)?;
            write(folder.path(), "server.key", &certified.key)?;
        }
        let file = options.file(folder.path(), port.number());
        let scheme = if options.tls { "rediss" } else { "redis" };
        let redis = Self::launch(folder, port, &file, &[])?;
        Ok(Self { scheme, credentials: options.credentials(), certified, ..redis })
    }

    /// Starts a process with this configuration file and these further arguments.
    pub(crate) fn launch(
        folder: TempDir,
        port: Port,
        file: &str,
        arguments: &[&str],
    ) -> Result<Self, Error> {
        write(folder.path(), "redis.conf", file)?;
        let mut all = vec![OsString::from(folder.path().join("redis.conf"))];
        all.extend(arguments.iter().map(OsString::from));
        let process = Process::start(&REDIS, all, folder.path().join("log"))?;
        let scheme = "redis";
        let redis =
            Self { process, folder, port, scheme, credentials: String::new(), certified: None };
        redis.ready()?;
        Ok(redis)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Where and as whom to log in, as in `redis://user:password@127.0.0.1:12345/0`; `rediss` with
    /// TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}/0", self.scheme, self.credentials, self.address())
    }

    /// The certificate of the authority that signed the server's, if it has TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.certified.as_ref().map(|certified| certified.authority.as_str())
    }

    /// Its directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Connects as the rig's own user, which may do everything. It takes a way that neither passwords
    /// of other users nor TLS stand in.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the server is not running.
    pub fn connect(&self) -> Result<Line<UnixStream>, Error> {
        let path = self.folder.path().join(SOCKET);
        let stream = UnixStream::connect(&path).map_err(Error::system("connecting to Redis"))?;
        let timed = stream.set_read_timeout(Some(ANSWERING));
        timed.map_err(Error::system("connecting to Redis"))?;
        let mut line = Line::new(stream);
        line.command(&["AUTH", RIG, SECRET])?;
        Ok(line)
    }

    /// Sends one command over a connection of its own, and returns the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the server said no; [`Error::System`] if it is not running, or does not
    /// answer in ten seconds.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Result<Reply, Error> {
        self.connect()?.command(arguments)
    }

    /// Ends it with SIGKILL, at whatever it was doing, and waits until it is gone.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Stops it with SIGSTOP, and returns when it has stopped: connections stay, new ones are accepted
    /// by the system, and nothing is answered.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if it is not running.
    pub fn stop(&self) -> Result<(), Error> {
        self.process.stop()
    }

    /// Lets it go on after [`Redis::stop`].
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if it is not running.
    pub fn cont(&self) -> Result<(), Error> {
        self.process.signal(Signal::CONT)
    }

    /// Lets it end by itself, without writing anything, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] if it does not leave.
    pub fn shutdown(&self) -> Result<(), Error> {
        // It ends instead of answering.
        match self.command(&["SHUTDOWN", "NOSAVE"]) {
            Err(refused @ Error::Refused { .. }) => Err(refused),
            _ => self.process.gone(ANSWERING),
        }
    }

    /// Starts it again on the same port and in the same directory, and waits until it answers. One
    /// that still runs is killed first.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`].
    pub fn restart(&self) -> Result<(), Error> {
        self.process.spawn()?;
        self.ready()
    }

    /// Makes it a replica of `master`, and waits until it has what that one has.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] if it does not follow within twenty seconds.
    pub fn follow(&self, master: &Redis) -> Result<(), Error> {
        let address = master.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        self.command(&["REPLICAOF", &host, &port])?;
        wait::until_holds("the replica's link", STARTING, || self.is_following())
    }

    /// Whether it is a replica with a link to its master.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if it does not answer.
    pub(crate) fn is_following(&self) -> Result<bool, Error> {
        let role = self.command(&["ROLE"])?;
        Ok(role.array().get(3).is_some_and(|state| state.text() == "connected"))
    }

    /// Whether it takes itself for a master. One that does not answer is none.
    #[must_use]
    pub fn is_master(&self) -> bool {
        let role = self.command(&["ROLE"]);
        role.is_ok_and(|role| role.array().first().is_some_and(|role| role.text() == "master"))
    }

    fn ready(&self) -> Result<(), Error> {
        self.process.ready(STARTING, || self.command(&["PING"]).is_ok())
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({}, {:?})", self.address(), self.pid())
    }
}

/// A directory for one server.
pub(crate) fn folder() -> Result<TempDir, Error> {
    tempfile::Builder::new().prefix("rig-").tempdir().map_err(Error::system("a directory"))
}

/// Writes a file that a server is to read.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    fs::write(folder.join(name), text).map_err(Error::system(name))
}
