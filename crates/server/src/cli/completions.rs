//! `trunkline completions`: scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, Output};

/// The arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline completions bash > ~/.local/share/bash-completion/completions/trunkline")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// It cannot be printed.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    Output::stdout().text(&script(args.shell)).map(drop)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "trunkline", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_learns_the_commands() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            assert!(script.contains("check-config") && script.contains("subscribe"), "{shell}");
        }
    }
}
