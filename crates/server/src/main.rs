//! `trunkline`: the binary, and the one place where everything that runs is put together.
//!
//! `cli` says what can be asked for, `serve` runs a node, `http` takes those connections of a node
//! that are ordinary HTTP.

mod bench;
mod cli;
mod http;
mod serve;

use std::process::ExitCode;

use crate::cli::{Cli, Command, Failure};

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command {
        Command::Serve(args) => match serve::run(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        },
        Command::Tool(tool) => cli::run(tool),
        Command::Bench(args) => match bench::run(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => Failure::refused(error).report(),
        },
    }
}
