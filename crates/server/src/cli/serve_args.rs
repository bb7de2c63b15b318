//! What can be asked of `trunkline serve`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

/// The arguments of `serve`. They win over the environment, which wins over the file.
#[derive(Clone, Debug, Default, Args)]
#[command(
    group(ArgGroup::new("mode").args(["config", "dev"]).required(true)),
    after_help = "\
Example: trunkline serve --dev
         trunkline init && trunkline serve --config trunkline.toml
         trunkline serve --dev --redis redis://127.0.0.1:6379"
)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run without a configuration, for development: loopback only, every client may do
    /// everything, and a page at / shows it
    #[arg(long)]
    pub(crate) dev: bool,
    /// Where clients connect: 127.0.0.1:8000, unix:/run/trunkline.sock or systemd; port 0 means any
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Where /health, /ready and /metrics are
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_listen: Option<String>,
    /// Keep streams in this directory (embedded backend), which --dev does not do otherwise
    #[arg(long, value_name = "DIR", conflicts_with = "redis")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Share streams with other nodes through Redis: redis://HOST:PORT, redis+sentinel://… or
    /// redis+cluster://… (Redis backend)
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Key of the server API, in place of the configured ones
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Form of the log on stderr
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One object a line, for machines
    Json,
    /// One line each, for people
    Text,
}

impl LogFormat {
    /// As it stands in a configuration file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}
