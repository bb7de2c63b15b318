//! `[log]`: what is written to standard error.

use trunkline_telemetry::LogFormat;

use super::Section;
use crate::key::{Key, Kind};

/// What is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub(crate) format: &'static str,
    /// The least important events that are written: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
}

impl Log {
    /// How lines look.
    #[must_use]
    pub fn format(&self) -> LogFormat {
        if self.format == "json" { LogFormat::Json } else { LogFormat::Text }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "text", level: "info" }
    }
}

pub(super) const SECTION: Section = Section {
    name: "log",
    doc: "What is written to standard error.",
    keys: &[
        Key::new(
            "log.format",
            Kind::Choice(|config| &mut config.log.format, &["text", "json"]),
            "Lines for people, or one JSON object per line for machines.",
        ),
        Key::new(
            "log.level",
            Kind::Choice(
                |config| &mut config.log.level,
                &["error", "warn", "info", "debug", "trace"],
            ),
            "The least important events that are written.",
        ),
    ],
};
