//! An HAProxy.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tempfile::TempDir;

use crate::error::Error;
use crate::process::{Process, Program};
use crate::redis::{folder, write};

static HAPROXY: Program = Program { name: "haproxy", package: "haproxy", has_workers: true };

/// How long it may take until it accepts.
const STARTING: Duration = Duration::from_secs(20);

/// A running haproxy, ended on drop.
#[derive(Debug)]
pub struct HaProxy {
    process: Process,
    _folder: TempDir,
}

impl HaProxy {
    /// Starts it with this configuration file, as a master with one worker, and waits until it
    /// accepts at `frontend`, where the file binds it.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if it is not installed; [`Error::Start`], with what it said, if it did not
    /// start.
    pub fn start(configuration: &str, frontend: SocketAddr) -> Result<Self, Error> {
        let folder = folder()?;
        write(folder.path(), "haproxy.cfg", &format!("{configuration}\n"))?;
        let file = folder.path().join("haproxy.cfg");
        let arguments = vec!["-W".into(), "-db".into(), "-f".into(), file.into()];
        let process = Process::start(&HAPROXY, arguments, folder.path().join("log"))?;
        process.ready(STARTING, || TcpStream::connect(frontend).is_ok())?;
        Ok(Self { process, _folder: folder })
    }

    /// The process id of its master, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }
}
