//! What people read: results on stdout, troubles on stderr.

use std::fmt::Display;
use std::io::Write;

/// Says a result.
pub(crate) fn say(line: impl Display) {
    // Whoever closed stdout has seen enough; the exit code still tells.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Says what went wrong.
pub(crate) fn complain(line: impl Display) {
    // Where stderr is gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "trunkline-checker: {line}");
}
