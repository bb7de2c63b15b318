//! An nginx.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::Error;
use crate::process::{Process, Program};
use crate::redis::{folder, write};

static NGINX: Program = Program { name: "nginx", package: "nginx-light", has_workers: true };

/// How long it may take until it accepts.
const STARTING: Duration = Duration::from_secs(20);

/// A running nginx, ended on drop.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it with this inside of its `http` block, as a master with one worker, and waits until it
    /// accepts at `frontend`, where a server in there listens. What it stores for a while stays in its
    /// directory.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if it is not installed; [`Error::Start`], with what it said, if it did not
    /// start.
    pub fn start(http: &str, frontend: SocketAddr) -> Result<Self, Error> {
        let folder = folder()?;
        let path = folder.path();
        // A worker of a master that is root belongs to somebody else.
        let open = fs::set_permissions(path, Permissions::from_mode(0o755));
        open.map_err(Error::system("a directory"))?;
        write(path, "nginx.conf", &file(path, http))?;
        let arguments = ["-p".into(), path.into(), "-c".into(), path.join("nginx.conf").into()];
        let arguments = arguments.into_iter().chain(["-g".into(), "daemon off;".into()]);
        let process = Process::start(&NGINX, arguments.collect(), path.join("log"))?;
        process.ready(STARTING, || TcpStream::connect(frontend).is_ok())?;
        Ok(Self { process, _folder: folder })
    }

    /// The process id of its master, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }
}

/// The whole configuration.
fn file(folder: &Path, http: &str) -> String {
    let folder = folder.display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};")).join("\n");
    format!(
        "pid {folder}/pid;\nerror_log stderr;\nworker_processes 1;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\naccess_log off;\n{temporary}\n{http}\n}}\n"
    )
}
