//! Where Redis is, from what the configuration says.

use trunkline_backend_redis::{Options, RedisUrl};
use trunkline_config::Config;

/// How Redis is found and entered.
///
/// # Errors
/// An address or a file is not as it should be; says which.
pub(crate) fn options(config: &Config) -> Result<Options, String> {
    let redis = &config.redis;
    let password = redis.password.as_ref().map(trunkline_auth::Secret::expose);
    let server = |(at, text): (usize, &String)| {
        let url = RedisUrl::parse(text)
            .map_err(|error| format!("redis.urls, number {}: {error}", at + 1))?;
        Ok(url.with_credentials(redis.username.as_deref(), password))
    };
    let servers = redis.urls.iter().enumerate().map(server).collect::<Result<_, String>>()?;
    let authorities = redis.tls_ca_file.as_ref().map(|path| {
        std::fs::read(path)
            .map_err(|error| format!("redis.tls_ca_file, {}: {error}", path.display()))
    });
    Ok(Options {
        servers,
        prefix: redis.prefix.as_str().into(),
        tls_ca: authorities.transpose()?,
        sentinel_password: redis.sentinel_password.as_ref().map(|secret| secret.expose().into()),
        allow_eviction: redis.allow_eviction,
    })
}
