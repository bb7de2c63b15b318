//! What is allowed, and yet worth a word.

use std::path::{Path, PathBuf};

use crate::Config;
use crate::listen::Listen;

/// Something an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Every user of the machine can read the secrets.
    #[error("{path} holds secrets and everyone can read it: chmod 600 {path}", path = .0.display())]
    WorldReadable(PathBuf),
    /// Nobody's identity is asked for.
    #[error("client.insecure is on: every client may do everything")]
    Insecure,
    /// Nobody can use the server API.
    #[error("api.keys is empty: every request to the server API is refused")]
    ApiOff,
    /// A setting does nothing without another.
    #[error("{setting} has no effect without {without}")]
    NoEffect {
        /// What does nothing.
        setting: &'static str,
        /// What it lacks.
        without: &'static str,
    },
}

/// The warnings that a configuration deserves, read from a file if there is one.
pub(crate) fn collect(config: &Config, path: Option<&Path>) -> Vec<Warning> {
    let path = path.filter(|path| config.secrets_in_file && is_world_readable(path));
    let insecure = config.client.insecure.then_some(Warning::Insecure);
    let api_off = config.api.keys.is_empty().then_some(Warning::ApiOff);
    path.map(|path| Warning::WorldReadable(path.into()))
        .into_iter()
        .chain(insecure)
        .chain(api_off)
        .chain(without_effect(config))
        .collect()
}

/// What is set and does nothing. Not refused: the rest holds without it, and it may be there for a
/// node that is started with other flags.
fn without_effect(config: &Config) -> impl Iterator<Item = Warning> {
    let (asks, rates) = (&config.callbacks, &config.rates.address);
    let warn =
        |is_so: bool, setting, without| is_so.then_some(Warning::NoEffect { setting, without });
    let renewal =
        |renews: &Option<String>, begins: &Option<String>| renews.is_some() && begins.is_none();
    // Whoever comes through a Unix socket has no address but the one that a proxy tells.
    let no_address =
        matches!(config.server.listen, Listen::Unix(_)) && config.server.trusted_proxies.is_empty();
    let of_address = |is_set: bool, setting| {
        warn(no_address && is_set, setting, "server.trusted_proxies on a Unix socket")
    };
    [
        warn(
            renewal(&asks.refresh_url, &asks.connect_url),
            "callbacks.refresh_url",
            "callbacks.connect_url",
        ),
        warn(
            renewal(&asks.sub_refresh_url, &asks.subscribe_url),
            "callbacks.sub_refresh_url",
            "callbacks.subscribe_url",
        ),
        of_address(rates.connect.is_some(), "rates.address_connect"),
        of_address(rates.subscribe.is_some(), "rates.address_subscribe"),
        of_address(rates.publish.is_some(), "rates.address_publish"),
        of_address(rates.command.is_some(), "rates.address_commands"),
        of_address(config.limits.connections_per_address > 0, "limits.connections_per_address"),
    ]
    .into_iter()
    .flatten()
}

#[cfg(unix)]
fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    const READ_BY_OTHERS: u32 = 0o004;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & READ_BY_OTHERS != 0)
}

/// Other systems have no such bit; who may read the file is not to be told from its attributes.
#[cfg(not(unix))]
fn is_world_readable(_path: &Path) -> bool {
    false
}
