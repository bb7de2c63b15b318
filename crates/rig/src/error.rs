//! What can go wrong with a server of the rig.

use std::io;
use std::time::Duration;

/// Why a server could not be started, asked or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that should be started is not there.
    #[error("{program} is not installed: apt-get install {package}")]
    Missing {
        /// The name it would have on the path.
        program: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// A server ended by itself, or did not become ready in time.
    #[error("{program} did not start: {reason}\n{log}")]
    Start {
        /// Which one.
        program: &'static str,
        /// What was seen of it from outside.
        reason: String,
        /// The last lines of its log.
        log: String,
    },
    /// Something did not come true in the time it was given.
    #[error("after {within:?}: {what} has not come true")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
    },
    /// A server answered a command with an error.
    #[error("{command}: {message}")]
    Refused {
        /// The command's name.
        command: String,
        /// What the server said, its code first, as in `WRONGPASS invalid …`.
        message: String,
    },
    /// A server answered something that this rig does not understand.
    #[error("unexpected answer to {command}: {answer}")]
    Answer {
        /// The command's name.
        command: String,
        /// What came.
        answer: String,
    },
    /// No port was free.
    #[error("no free port between {first} and {last}")]
    Ports {
        /// The first one tried for.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// The process in question is not running.
    #[error("the {0} process is not running")]
    Gone(&'static str),
    /// A certificate could not be made.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The operating system refused.
    #[error("{doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    /// Wraps an error of the operating system with what was being done.
    pub(crate) fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::System { doing, source }
    }
}
