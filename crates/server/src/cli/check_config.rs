//! `trunkline check-config`: what `serve` would say, without serving.

use std::path::PathBuf;

use clap::Args;
use trunkline_config::{Config, Overrides};

use super::failure::note;
use super::{Failure, Output, environment};

/// The arguments of `check-config`.
#[derive(Debug, Args)]
#[command(after_help = "Example: trunkline check-config --config trunkline.toml")]
pub(crate) struct CheckConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Reads the file and the environment as `serve` does, and says what is unwise about them.
///
/// # Errors
/// They are no configuration, or one that `serve` refuses.
pub(crate) fn run(args: &CheckConfigArgs) -> Result<(), Failure> {
    let config = Config::load(Some(&args.config), environment(), &Overrides::default())
        .map_err(Failure::trouble)?;
    crate::serve::redis::options(&config).map_err(Failure::trouble)?;
    crate::serve::token_keys(&config)?;
    crate::serve::application::options(&config).map_err(Failure::trouble)?;
    crate::serve::webhooks::receivers(&config).map_err(Failure::trouble)?;
    crate::serve::proxies::trusted(&config).map_err(Failure::trouble)?;
    for warning in config.warnings() {
        note(format_args!("warning: {warning}"));
    }
    Output::stdout().line("configuration is fine").map(drop)
}
