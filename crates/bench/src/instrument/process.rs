//! Starts the server under test and the floor, and stops them whatever happens.

use std::fs::{self, File};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::{BenchError, Doing};
use crate::instrument::interrupt::Interrupt;
use crate::instrument::script::Script;
use crate::instrument::setup::Setup;
use crate::instrument::usage::{Cpu, Memory};

/// A started process says that it is ready within this time.
const STARTUP: Duration = Duration::from_secs(20);
/// How often its stdout is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);
/// Where the Centrifuge protocol is spoken.
pub(crate) const PATH: &str = "/connection/websocket";

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// This program's own `serve`.
    Own,
    /// A command line, split at spaces.
    Command(String),
    /// A server that runs already.
    Running { address: SocketAddr, path: String, pid: u32 },
    /// The floor itself, with a sample script, for measuring the instrument.
    Floor,
}

impl Target {
    /// Reads `ws://ADDRESS:PORT[/path]`.
    ///
    /// # Errors
    /// It is no such URL or its host does not resolve.
    pub(crate) fn running(url: &str, pid: u32) -> Result<Self, BenchError> {
        let wrong =
            || BenchError::Usage(format!("--url wants ws://ADDRESS:PORT[/path], not {url}"));
        let rest = url.strip_prefix("ws://").ok_or_else(wrong)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = if path.is_empty() { PATH.to_owned() } else { format!("/{path}") };
        let address = host.to_socket_addrs().ok().and_then(|mut all| all.next());
        Ok(Self::Running { address: address.ok_or_else(wrong)?, path, pid })
    }
}

/// A process under measurement. Dropping it kills the process, unless it ran before the bench did.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The path of its WebSocket endpoint.
    pub(crate) path: String,
    pid: u32,
    child: Option<Child>,
    /// Holds configuration or script, stdout and stderr.
    directory: TempDir,
}

impl Subject {
    /// Starts the target, set up like this and pinned to `core`, and waits until it is ready. A
    /// server that runs already, and the floor, are as they are.
    ///
    /// # Errors
    /// It cannot be started, ends at once, or does not say in time that it is ready.
    pub(crate) fn target(
        target: &Target,
        setup: &Setup,
        data: &str,
        core: Option<usize>,
        interrupt: &Interrupt,
    ) -> Result<Self, BenchError> {
        let directory = private_directory()?;
        let command = match target {
            Target::Floor => return Self::floor(&Script::sample(data), core, interrupt),
            Target::Running { address, path, pid } => {
                let (address, path, pid) = (*address, path.clone(), *pid);
                return Ok(Self { address, path, pid, child: None, directory });
            }
            Target::Own => {
                vec![own_program()?, "serve".into(), "--config".into(), "{config}".into()]
            }
            Target::Command(line) => line.split_ascii_whitespace().map(str::to_owned).collect(),
        };
        let file = directory.path().join("trunkline.toml");
        fs::write(&file, setup.configuration()).doing("writing the server's configuration")?;
        let file = file.display().to_string();
        let command: Vec<String> =
            command.into_iter().map(|word| word.replace("{config}", &file)).collect();
        Self::start("server", &command, core, directory, interrupt)
    }

    /// Starts the floor with a script, pinned to `core`, and waits until it is ready.
    ///
    /// # Errors
    /// As for a target.
    pub(crate) fn floor(
        script: &Script,
        core: Option<usize>,
        interrupt: &Interrupt,
    ) -> Result<Self, BenchError> {
        let directory = private_directory()?;
        let file = directory.path().join("script.json");
        script.save(&file)?;
        let file = file.display().to_string();
        let command = [&own_program()?, "bench", "floor", "--script", &file].map(str::to_owned);
        Self::start("floor", &command, core, directory, interrupt)
    }

    fn start(
        who: &'static str,
        command: &[String],
        core: Option<usize>,
        directory: TempDir,
        interrupt: &Interrupt,
    ) -> Result<Self, BenchError> {
        let child = launched(who, command, core, directory.path())?;
        let mut subject = Self {
            // Known only when it is ready.
            address: ([127, 0, 0, 1], 0).into(),
            path: PATH.to_owned(),
            pid: child.id(),
            child: Some(child),
            directory,
        };
        subject.address = subject.wait_until_ready(who, interrupt)?;
        Ok(subject)
    }

    fn wait_until_ready(
        &mut self,
        who: &'static str,
        interrupt: &Interrupt,
    ) -> Result<SocketAddr, BenchError> {
        let deadline = Instant::now() + STARTUP;
        loop {
            interrupt.check()?;
            let stdout = self.directory.path().join("stdout");
            let stdout = fs::read_to_string(&stdout).doing("reading its stdout")?;
            if let Some(address) = ready_address(&stdout) {
                return Ok(address);
            }
            let ended = match &mut self.child {
                Some(child) => child.try_wait().doing("waiting for it")?,
                None => None,
            };
            let why = match ended {
                Some(status) => format!("it ended with {status}"),
                None if Instant::now() > deadline => {
                    format!("no ready line within {} s", STARTUP.as_secs())
                }
                None => {
                    thread::sleep(LOOK);
                    continue;
                }
            };
            let said = last_lines(&self.stderr(), 5);
            return Err(BenchError::NotReady { who, why: format!("{why}; {said}") });
        }
    }

    /// CPU used so far.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn cpu(&self) -> Result<Cpu, BenchError> {
        Cpu::of(self.pid)
    }

    /// Memory used now.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn memory(&self) -> Result<Memory, BenchError> {
        Memory::of(self.pid)
    }

    /// What it has written to stderr; empty for a server that ran already.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a program that ends with the bench, pinned to `core`. What it says is put into files
/// `stdout` and `stderr` of the directory.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn launched(
    who: &str,
    command: &[String],
    core: Option<usize>,
    directory: &Path,
) -> Result<Child, BenchError> {
    let output = |name: &str| File::create(directory.join(name)).doing(&format!("creating {name}"));
    let mut launch = Command::new(own_program()?);
    launch.args(["bench", "launch", "--parent", &std::process::id().to_string()]);
    if let Some(core) = core {
        launch.args(["--core", &core.to_string()]);
    }
    launch
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .stdout(output("stdout")?)
        .stderr(output("stderr")?)
        .spawn()
        .doing(&format!("starting {who}"))
}

/// A directory for what one process needs and says; gone when dropped.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn private_directory() -> Result<TempDir, BenchError> {
    tempfile::Builder::new()
        .prefix("trunkline-bench-")
        .tempdir()
        .doing("creating a private directory")
}

fn own_program() -> Result<String, BenchError> {
    let path: PathBuf = std::env::current_exe().doing("finding this program's own path")?;
    let text = Path::to_str(&path).map(str::to_owned);
    text.ok_or_else(|| BenchError::Usage(format!("{} is no UTF-8 path", path.display())))
}

/// The address in a ready line: `ready listen=127.0.0.1:41234 admin=…`.
fn ready_address(stdout: &str) -> Option<SocketAddr> {
    let (whole_lines, _) = stdout.rsplit_once('\n')?;
    let line = whole_lines.lines().find_map(|line| line.strip_prefix("ready "))?;
    line.split_ascii_whitespace().find_map(|word| word.strip_prefix("listen="))?.parse().ok()
}

/// The end of a text, on one line.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_found_once_it_is_whole() {
        let address = Some(([127, 0, 0, 1], 4_000).into());
        let line = "ready listen=127.0.0.1:4000 admin=127.0.0.1:5000\n";
        assert_eq!(ready_address(line), address);
        assert_eq!(ready_address(&format!("hello\n{line}more")), address);
        assert_eq!(ready_address("ready listen=127.0.0.1:4000"), None);
        assert_eq!(ready_address("ready soon\n"), None);
    }

    #[test]
    fn a_url_names_address_and_path() {
        let Target::Running { address, path, pid } =
            Target::running("ws://127.0.0.1:9001/x/y", 7).unwrap()
        else {
            panic!("another target")
        };
        assert_eq!((address, path.as_str(), pid), (([127, 0, 0, 1], 9001).into(), "/x/y", 7));
        assert!(Target::running("http://127.0.0.1:1", 7).is_err());
        assert!(Target::running("ws://127.0.0.1", 7).is_err());
    }
}
