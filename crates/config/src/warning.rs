//! What is allowed, and yet worth a word.

use std::path::{Path, PathBuf};

use crate::Config;

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
        .collect()
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
