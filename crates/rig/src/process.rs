//! One child process: started, signalled, ended, waited for.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, io};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::error::Error;
use crate::wait;

/// How long a killed process may take to be gone, or one that was asked to leave. The system does
/// the first at once; a proxy that was told to stop closes its connections and goes.
const ENDING: Duration = Duration::from_secs(5);

/// Lines of its log that an error shows.
const LOG_LINES: usize = 15;

/// Where Debian has servers, which not every user's path names.
const SERVER_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// What is started.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name on the path.
    pub(crate) name: &'static str,
    /// The Debian package it is in.
    pub(crate) package: &'static str,
    /// Whether it has workers of its own, which it must be asked to end. Others are killed.
    pub(crate) has_workers: bool,
}

/// A process that can be started again, and ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    program: &'static Program,
    path: PathBuf,
    arguments: Vec<OsString>,
    log: PathBuf,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts `program`; what it prints goes to the file `log`.
    pub(crate) fn start(
        program: &'static Program,
        arguments: Vec<OsString>,
        log: PathBuf,
    ) -> Result<Self, Error> {
        let path = find(program)?;
        let process = Self { program, path, arguments, log, child: Mutex::new(None) };
        process.spawn()?;
        Ok(process)
    }

    /// Starts it anew, with the same arguments; ends it first if it is running.
    pub(crate) fn spawn(&self) -> Result<(), Error> {
        self.end();
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.map_err(Error::system(self.log.display().to_string()))?;
        let errors = log.try_clone().map_err(Error::system(self.log.display().to_string()))?;
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(Error::system(self.program.name))?;
        *self.child() = Some(child);
        Ok(())
    }

    /// Its process id, if it is running.
    pub(crate) fn id(&self) -> Option<u32> {
        let mut child = self.child();
        forget_the_dead(&mut child);
        child.as_ref().map(Child::id)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        let mut child = self.child();
        forget_the_dead(&mut child);
        let child = child.as_ref().ok_or(Error::Gone(self.program.name))?;
        let sent = kill_process(Pid::from_child(child), signal);
        sent.map_err(|error| Error::system(self.program.name)(error.into()))
    }

    /// Stops it, and returns when it has stopped: what it was about to do then is not done.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)?;
        let Some(id) = self.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
            return Err(Error::Gone(self.program.name));
        };
        // Leaves the news of an end where it is, for whoever waits for that.
        let news = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let seen = waitid(WaitId::Pid(id), news);
        seen.map(drop).map_err(|error| Error::system(self.program.name)(error.into()))
    }

    /// Ends it now, whatever it was doing, and waits until it is gone. One that is gone stays so.
    pub(crate) fn kill(&self) {
        let workers = self.workers();
        self.kill_with(&workers);
    }

    /// Ends it as its kind wants it, and waits until it is gone.
    pub(crate) fn end(&self) {
        let workers = self.workers();
        if self.program.has_workers && self.signal(Signal::TERM).is_ok() {
            // One that was stopped hears nothing until it goes on. One that does not leave is killed.
            let _ = self.signal(Signal::CONT);
            let _ = self.gone(ENDING);
        }
        self.kill_with(&workers);
    }

    /// Ends it and those it had begun, which outlive it if it was hit at a bad moment.
    fn kill_with(&self, workers: &[Pid]) {
        if let Some(mut child) = self.child().take() {
            // An error says that it is dead already, and has been waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
        for worker in workers.iter().filter(|worker| !is_over(**worker)) {
            let _ = kill_process(*worker, Signal::KILL); // It may just have left by itself.
        }
        let over = || Ok(workers.iter().all(|worker| is_over(*worker)));
        // What SIGKILL does not end in that time hangs in the system, and nobody can help it.
        let _ = wait::until_holds("the end of workers", ENDING, over);
    }

    /// Its children, as far as the system tells.
    fn workers(&self) -> Vec<Pid> {
        let Some(id) = self.id() else { return Vec::new() };
        let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let ids = list.split_whitespace().filter_map(|id| id.parse().ok());
        ids.filter_map(Pid::from_raw).collect()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn gone(&self, within: Duration) -> Result<(), Error> {
        let what = format!("the end of {}", self.program.name);
        wait::until_holds(&what, within, || Ok(self.id().is_none()))
    }

    /// Waits until `ready` holds, or the process has ended.
    pub(crate) fn ready(
        &self,
        within: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let outcome = wait::until("its being ready", within, || {
            Ok(match (self.id(), ready()) {
                (None, _) => Some(false),
                (Some(_), true) => Some(true),
                (Some(_), false) => None,
            })
        });
        let reason = match outcome {
            Ok(true) => return Ok(()),
            Ok(false) => "it ended at once".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Error::Start { program: self.program.name, reason, log: self.last_lines() })
    }

    fn last_lines(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes out a child that has ended. Until then its id is not given to anybody else.
fn forget_the_dead(child: &mut Option<Child>) {
    if child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None))) {
        *child = None;
    }
}

/// Whether a process that is no child of ours has ended. Its entry may stay until the system's first
/// process takes note of it.
fn is_over(process: Pid) -> bool {
    let about = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    // The state follows the name, which stands in parentheses and may hold some.
    about.map_or(true, |about| about.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z')))
}

/// Where a program is.
fn find(program: &Program) -> Result<PathBuf, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from));
    let mut candidates = folders.map(|folder| folder.join(program.name));
    candidates
        .find(|path| is_executable(path).unwrap_or(false))
        .ok_or(Error::Missing { program: program.name, package: program.package })
}

fn is_executable(path: &Path) -> io::Result<bool> {
    let about = fs::metadata(path)?;
    Ok(about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::{Process, Program};

    static MISSING: Program =
        Program { name: "no-such-server", package: "no-such-package", has_workers: false };

    #[test]
    fn a_missing_program_is_named_with_the_way_to_get_it() {
        let error = Process::start(&MISSING, Vec::new(), "log".into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-server is not installed: apt-get install no-such-package"
        );
    }
}
