//! `trunkline redis-script`: publishing and scheduling with nothing but a Redis client.

use clap::{Args, ValueEnum};
use trunkline_backend_redis::{publish_script, schedule_script};

use super::{Failure, Output};

/// The arguments of `redis-script`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline redis-script > publish.lua
         trunkline redis-script schedule > schedule.lua
         redis-cli SCRIPT LOAD \"$(trunkline redis-script)\"

Their heads say what they want; docs/redis.md shows them called from Python, JavaScript and a shell.")]
pub(crate) struct RedisScriptArgs {
    /// What it is to do
    #[arg(value_enum, default_value_t = Purpose::Publish)]
    purpose: Purpose,
}

/// What a script does.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Purpose {
    /// Publish now
    Publish,
    /// Publish at a time, or take that back
    Schedule,
}

/// Prints the script, as nodes know it.
///
/// # Errors
/// It cannot be printed.
pub(crate) fn run(args: &RedisScriptArgs) -> Result<(), Failure> {
    let script = match args.purpose {
        Purpose::Publish => publish_script(),
        Purpose::Schedule => schedule_script(),
    };
    Output::stdout().line(script).map(drop)
}
