//! Reading the environment: `TRUNKLINE_SECTION__KEY`.

use crate::Config;
use crate::error::{ConfigError, Origin};
use crate::nearest;
use crate::sections::{TABLES, keys};

const PREFIX: &str = "TRUNKLINE_";

/// The variable that sets a key.
pub(crate) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// Takes over what the environment says. A variable that could be meant for a key and is for
/// none is an error; those without `__` belong to the commands.
pub(crate) fn apply(
    config: &mut Config,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let ours = |(name, _): &(String, String)| {
        name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"))
    };
    let mut variables: Vec<_> = environment.filter(ours).collect();
    variables.sort();
    for (name, text) in variables {
        let key = keys().find(|key| variable(key.name) == name).ok_or_else(|| unknown(&name))?;
        key.set(config, &key.value_of_text(&text)).map_err(|mismatch| ConfigError::Value {
            origin: Origin::Variable(name),
            key: key.name,
            expected: mismatch.expected,
            found: mismatch.found,
        })?;
    }
    Ok(())
}

fn unknown(name: &str) -> ConfigError {
    let key = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase().replace("__", ".");
    let in_file_only = TABLES
        .iter()
        .find(|table| key.strip_prefix(**table).is_some_and(|rest| rest.starts_with('.')));
    if let Some(tables) = in_file_only {
        let name = name.escape_debug();
        return ConfigError::Refused(format!("{name}: {tables} can be set in the file only"));
    }
    let nearest = nearest::of(&key, keys().map(|key| key.name));
    ConfigError::Unknown {
        origin: Origin::Environment,
        what: "variable",
        name: name.into(),
        nearest: nearest.map(|key| variable(&key)),
    }
}
