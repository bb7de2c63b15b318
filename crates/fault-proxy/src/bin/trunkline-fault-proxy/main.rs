//! `trunkline-fault-proxy`: the proxy as a program, driven by lines on stdin, for tests in any language.
//! `docs/fault-proxy.md` shows it at work.

mod args;
mod change;
mod command;
mod output;
mod quantity;

use std::io::{self, BufRead, Read};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use trunkline_fault_proxy::{FaultProxy, Faults, Options};

use crate::args::Args;
use crate::command::Command;

/// Bytes of a command at most; the longest there is has some forty.
const LINE: u64 = 1024;

/// Exit code when the proxy cannot be started or driven.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(TROUBLE)
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let options = Options { listen: args.listen, upstream: args.upstream, seed };
    let proxy = FaultProxy::spawn(options).map_err(|error| format!("{}: {error}", args.listen))?;
    let mut faults = Faults::NONE;
    args.changes().for_each(|change| change.apply(&mut faults));
    proxy.set(faults);
    output::say(format_args!("ready listen={} seed={seed}", proxy.address()))?;
    if args.no_commands {
        loop {
            std::thread::park();
        }
    }
    obey(&proxy, &mut io::stdin().lock())
}

/// Carries out commands until there are no more.
fn obey(proxy: &FaultProxy, commands: &mut impl BufRead) -> Result<(), String> {
    loop {
        let mut line = String::new();
        let read = commands.take(LINE).read_line(&mut line);
        let read = read.map_err(|error| format!("stdin: {error}"))?;
        if read as u64 == LINE && !line.ends_with('\n') {
            return Err(format!("stdin: a command has at most {LINE} bytes"));
        }
        if read == 0 {
            return Ok(());
        }
        match line.parse::<Command>() {
            Ok(command) => output::say(command.carry_out(proxy))?,
            Err(error) => output::say(format_args!("error: {error}"))?,
        }
    }
}

/// A seed that was not used before, most likely.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Short enough to be copied by hand.
    (since.as_nanos() as u64 ^ u64::from(std::process::id())) % 1_000_000_000
}
