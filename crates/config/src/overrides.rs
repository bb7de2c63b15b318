//! What the command line of `serve` sets.

use crate::Config;
use crate::error::{ConfigError, Origin};
use crate::sections::keys;
use crate::value::Value;

/// Settings given as flags, as the user wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`
    pub listen: Option<String>,
    /// `--admin-listen`
    pub admin_listen: Option<String>,
    /// `--api-key`, which replaces all configured keys.
    pub api_key: Option<String>,
    /// `--data-dir`, which chooses the embedded backend too.
    pub data_dir: Option<String>,
    /// `--redis`, which chooses the Redis backend too.
    pub redis: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
}

impl Overrides {
    pub(crate) fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let one =
            |text: &Option<String>| text.clone().map(|text| Value::List(vec![Value::Text(text)]));
        for (flag, name, value) in [
            ("--listen", "server.listen", text(&self.listen)),
            ("--admin-listen", "server.admin_listen", text(&self.admin_listen)),
            ("--api-key", "api.keys", one(&self.api_key)),
            ("--data-dir", "storage.data_dir", text(&self.data_dir)),
            ("--redis", "redis.urls", one(&self.redis)),
            ("--log-format", "log.format", text(&self.log_format)),
        ] {
            let (Some(value), Some(key)) = (value, keys().find(|key| key.name == name)) else {
                continue;
            };
            key.set(config, &value).map_err(|mismatch| ConfigError::Value {
                origin: Origin::Flag(flag),
                key: key.name,
                expected: mismatch.expected,
                found: mismatch.found,
            })?;
        }
        if self.data_dir.is_some() {
            config.storage.use_directory();
        }
        if self.redis.is_some() {
            config.storage.use_redis();
        }
        Ok(())
    }
}
