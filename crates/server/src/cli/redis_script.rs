//! `trunkline redis-script`: publishing with nothing but a Redis client.

use clap::Args;
use trunkline_backend_redis::publish_script;

use super::{Failure, Output};

/// The arguments of `redis-script`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline redis-script > publish.lua
         redis-cli SCRIPT LOAD \"$(trunkline redis-script)\"

Its head says what it wants; docs/redis.md shows it called from Python, JavaScript and a shell.")]
pub(crate) struct RedisScriptArgs {}

/// Prints the script, as nodes give it to Redis.
///
/// # Errors
/// It cannot be printed.
pub(crate) fn run(_: &RedisScriptArgs) -> Result<(), Failure> {
    Output::stdout().line(publish_script()).map(drop)
}
