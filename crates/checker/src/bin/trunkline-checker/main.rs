//! `trunkline-checker`: judges logs, makes them by driving a server through real sockets, and does so
//! while it kills the server again and again, or breaks what several nodes share. `docs/checker.md` shows it at work.

mod api;
mod args;
mod chance;
mod chaos;
mod crash;
mod drive;
mod failure;
mod judging;
mod line;
mod load;
mod output;
mod presence;
mod publisher;
mod recorder;
mod schedules;
mod server;
mod socket;
mod subscriber;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Failure;

/// Exit code when the run is clean.
const CLEAN: u8 = 0;
/// Exit code when the promise was broken.
const BROKEN: u8 = 1;
/// Exit code when nothing can be said: wrong usage, no such file, no server.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let done: Result<bool, Failure> = match Args::parse().command {
        Command::Judge(args) => judging::run(&args),
        Command::Drive(args) => drive::run(args),
        Command::Crash(args) => crash::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Presence(args) => presence::run(&args),
        Command::Schedules(args) => schedules::run(&args),
    };
    ExitCode::from(match done {
        Ok(true) => CLEAN,
        Ok(false) => BROKEN,
        Err(failure) => {
            output::complain(&failure);
            TROUBLE
        }
    })
}
