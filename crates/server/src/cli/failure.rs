//! How commands fail: one line on stderr, and an exit code that tells scripts whose fault it was.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

/// Exit code when a node understood what was asked and said no.
const REFUSED: u8 = 1;

/// Exit code when nobody could be asked: wrong usage, a bad configuration, no connection.
const TROUBLE: u8 = 2;

/// Why a command did not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Wrong usage, a bad configuration, no connection.
    pub(crate) fn trouble(message: impl Display) -> Self {
        Self { code: TROUBLE, message: message.to_string() }
    }

    /// A node said no.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self { code: REFUSED, message: message.to_string() }
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says it on stderr.
    pub(crate) fn report(&self) -> ExitCode {
        note(&self.message);
        ExitCode::from(self.code)
    }
}

/// Says something on stderr, in one line whatever it consists of.
pub(crate) fn note(message: impl Display) {
    let line = one_line(&message.to_string());
    // Where stderr is gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "trunkline: {line}");
}

/// What the argument parser has to say: help where help is, and one line where it is an error.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A pager that was closed early has seen enough.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(TROUBLE)
        }
        _ => Failure::trouble(usage_line(&error.render().to_string())).report(),
    }
}

/// The paragraphs of a parser's error before its synopsis, in one line.
fn usage_line(rendered: &str) -> String {
    let paragraphs = rendered
        .split("\n\n")
        .take_while(|text| !text.starts_with("Usage:") && !text.starts_with("For more information"))
        .map(one_line)
        .filter(|text| !text.is_empty());
    let line = paragraphs.collect::<Vec<_>>().join("; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        let args = ["trunkline"].iter().chain(args);
        let error = Cli::try_parse_from(args).unwrap_err();
        assert_eq!(usage_line(&error.render().to_string()), expected);
    }

    #[test]
    fn wrong_usage_is_one_line() {
        check(&["dance"], "unrecognized subcommand 'dance'");
        check(
            &["serve", "--dew"],
            "unexpected argument '--dew' found; tip: a similar argument exists: '--dev'",
        );
        check(&["publish"], "the following required arguments were not provided: <CHANNEL> <DATA>");
    }

    #[test]
    fn a_message_of_several_lines_becomes_one() {
        assert_eq!(
            one_line("TOML parse error\n  |\n1 | \tx\u{1b}[0m\n"),
            "TOML parse error | 1 | x [0m"
        );
    }
}
