//! Why a bench ends without a result, or with a bad one.

use std::io;

/// Why a bench ends without a result, or with a bad one. The text is one line, meant for stderr.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, as a gerund: `starting the server`.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A process that was started printed no ready line in time, or ended first.
    #[error("the {who} did not become ready: {why}")]
    NotReady {
        /// `server` or `floor`.
        who: &'static str,
        /// The reason, with the last lines of its stderr.
        why: String,
    },
    /// The server answered something the generator cannot go on from.
    #[error("unexpected answer: {0}")]
    Protocol(String),
    /// The backend, measured in this process, did not do what it was asked.
    #[error("the backend: {0}")]
    Backend(String),
    /// Nothing moved for too long.
    #[error("nothing moved for {seconds} s while {what}")]
    Stalled {
        /// What was being waited for.
        what: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// Publications did not reach everyone, or reached someone twice. The report has been printed.
    #[error("{0} deliveries were lost or surplus")]
    Lost(u64),
    /// `--check` found figures beyond their targets. The report has been printed.
    #[error("beyond target: {}", .0.join("; "))]
    Missed(Vec<String>),
    /// The arguments contradict each other or a limit.
    #[error("{0}")]
    Usage(String),
    /// ^C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// The bench runs on Linux only.
    #[error("the bench reads Linux's own accounting and runs on Linux only")]
    NeedsLinux,
}

/// Says what was being done when the operating system refused.
pub(crate) trait Doing<T> {
    /// Turns an operating system error into [`BenchError::Io`]; `what` is a gerund.
    fn doing(self, what: &str) -> Result<T, BenchError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, BenchError> {
        self.map_err(|error| BenchError::Io { what: what.to_owned(), source: error.into() })
    }
}
