//! The command line: what can be asked of the binary, and everything it does besides serving.
//!
//! `serve` and `bench` are defined here and run elsewhere; the rest are [`Tool`]s, one file each,
//! and [`run`] runs them. Whatever goes wrong ends in one line on stderr: see [`Failure`].

mod back_off;
mod check_config;
mod completions;
mod event_stream;
mod failure;
mod init;
mod node_url;
mod output;
mod publish;
mod redis_script;
mod repair;
mod serve_args;
mod subscribe;
mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trunkline_bench::BenchArgs;

pub(crate) use self::failure::Failure;
pub(crate) use self::output::Output;
pub(crate) use self::serve_args::ServeArgs;

/// Holds an application's WebSocket connections and carries messages between them.
#[derive(Debug, Parser)]
#[command(
    name = "trunkline",
    version,
    propagate_version = true,
    after_help = "Example: trunkline serve --dev    and open http://127.0.0.1:8000"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node
    Serve(ServeArgs),
    #[command(flatten)]
    Tool(Tool),
    // Its description is its own.
    Bench(BenchArgs),
}

/// The commands that come back at once, and `subscribe`, which does so when told.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Write a commented configuration with fresh random secrets
    Init(init::InitArgs),
    /// Say whether a configuration is fine
    CheckConfig(check_config::CheckConfigArgs),
    /// Publish into a channel of a running node
    Publish(publish::PublishArgs),
    /// Print what is published into channels of a running node
    Subscribe(subscribe::SubscribeArgs),
    /// Make a token for a client
    Token(token::TokenArgs),
    /// Make a data directory usable again after its files were damaged
    Repair(repair::RepairArgs),
    /// Print the script by which anything with a Redis client publishes, no node needed
    RedisScript(redis_script::RedisScriptArgs),
    /// Print a script that completes this command line in a shell
    Completions(completions::CompletionsArgs),
}

impl Cli {
    /// Reads this process's arguments.
    ///
    /// # Errors
    /// There is nothing to do: help or the version is printed already, or what is wrong with the
    /// arguments, in one line. The code is what the process ends with.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| failure::report_usage(&error))
    }
}

/// This process's environment. What is no text in it shows as such in the error about a setting,
/// and is nothing to stumble over elsewhere.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Runs a tool to its end, and says on stderr what went wrong.
pub(crate) fn run(tool: Tool) -> ExitCode {
    let outcome = match tool {
        Tool::Init(args) => init::run(&args),
        Tool::CheckConfig(args) => check_config::run(&args),
        Tool::Publish(args) => publish::run(&args),
        Tool::Subscribe(args) => subscribe::run(args),
        Tool::Token(args) => token::run(&args),
        Tool::Repair(args) => repair::run(&args),
        Tool::RedisScript(args) => redis_script::run(&args),
        Tool::Completions(args) => completions::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_commands_are_the_ones_promised() {
        let command = Cli::command();
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(
            names,
            [
                "serve",
                "init",
                "check-config",
                "publish",
                "subscribe",
                "token",
                "repair",
                "redis-script",
                "completions",
                "bench"
            ]
        );
    }

    #[test]
    fn every_command_shows_an_example_of_itself() {
        for command in Cli::command().get_subcommands_mut() {
            let name = command.get_name().to_owned();
            assert!(command.get_about().is_some(), "{name} says what it does");
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example: "), "{name}: {help}");
            assert!(help.contains(&format!("trunkline {name}")), "{name}: {help}");
        }
    }
}
