//! Configurations written to files and loaded from them.

use std::path::PathBuf;

use tempfile::TempDir;
use trunkline_config::{Config, ConfigError, Overrides};

/// A folder with a file `trunkline.toml` of this text.
pub(crate) fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("trunkline.toml");
    std::fs::write(&path, text).expect("a file in it");
    (folder, path)
}

pub(crate) fn load(
    text: &str,
    environment: &[(&str, &str)],
    flags: &Overrides,
) -> Result<Config, ConfigError> {
    let (_folder, path) = written(text);
    let pairs = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::load(Some(&path), pairs, flags)
}

pub(crate) fn file(text: &str) -> Result<Config, ConfigError> {
    load(text, &[], &Overrides::default())
}

/// What variables make of a file that lets anonymous clients in.
pub(crate) fn environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load("client.anonymous = true", pairs, &Overrides::default())
}

/// The message, without the folder of the file. It is one line, always.
pub(crate) fn complaint(outcome: Result<Config, ConfigError>) -> String {
    let message = outcome.expect_err("a refusal").to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    let at = message.find("trunkline.toml").unwrap_or(0);
    message[at..].to_owned()
}
