//! What is read by others: answers on stdout, troubles on stderr.

use std::fmt::Display;
use std::io::Write;

/// Says one line, at once.
///
/// # Errors
/// Nobody reads stdout any more.
pub(crate) fn say(line: impl Display) -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    let said = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    said.map_err(|error| format!("stdout: {error}"))
}

/// Says what went wrong.
pub(crate) fn complain(line: impl Display) {
    // Where stderr is gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "trunkline-fault-proxy: {line}");
}
