//! What can be asked of `trunkline serve`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::Failure;

/// The arguments of `serve`. They win over the environment, which wins over the file.
#[derive(Clone, Debug, Default, Args)]
#[command(
    group(ArgGroup::new("mode").args(["config", "dev"]).required(true)),
    after_help = "\
Example: trunkline serve --dev
         trunkline init && trunkline serve --config trunkline.toml"
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
    /// Carry publications through Redis (comes with a later version)
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

impl ServeArgs {
    /// Refuses a backend that is not there, rather than run on one that forgets.
    ///
    /// # Errors
    /// `--redis` was given.
    pub(crate) fn check_backend(&self) -> Result<(), Failure> {
        match &self.redis {
            None => Ok(()),
            Some(_) => Err(Failure::trouble(
                "--redis: the Redis backend comes with a later version; this one keeps streams \
                 on its own disk or in memory",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_that_is_not_there_is_refused() {
        assert_eq!(ServeArgs::default().check_backend(), Ok(()));
        let redis = ServeArgs { redis: Some("redis://x".into()), ..Default::default() };
        let failure = redis.check_backend().unwrap_err();
        assert!(failure.message().starts_with("--redis"), "{}", failure.message());
    }
}
