//! What makes a configuration unusable. Each message is one line that says where, what and why.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The environment as a whole.
    Environment,
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Environment => f.write_str("environment"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The file is no TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where reading ended.
        origin: Origin,
        /// What the parser says.
        message: String,
    },
    /// There is no such key, section or variable.
    #[error("{origin}: unknown {what} `{}`{}", name.escape_debug(), meant(nearest.as_deref()))]
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// What it would be: a key, a section or a variable.
        what: &'static str,
        /// What stands there.
        name: String,
        /// What was meant, perhaps.
        nearest: Option<String>,
    },
    /// A key has a value that is not its.
    #[error("{origin}: `{key}` must be {expected}; found {found}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What it wants.
        expected: String,
        /// What it got; the kind only, where the value is a secret.
        found: String,
    },
    /// Each value could be, but not together, or not safely.
    #[error("{0}")]
    Refused(String),
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
}
