//! `[redis]`: where Redis is, for nodes that share what it carries and keeps.

use std::path::PathBuf;

use trunkline_auth::Secret;

use super::Section;
use crate::key::{Key, Kind};

/// Where Redis is, and how it is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// The servers, as the operator wrote them.
    pub urls: Vec<String>,
    /// Who enters, where the address does not say.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Secret>,
    /// What sentinels want to hear.
    pub sentinel_password: Option<Secret>,
    /// What all names in Redis begin with.
    pub prefix: String,
    /// Authorities that are trusted instead of the system's.
    pub tls_ca_file: Option<PathBuf>,
    /// Whether Redis may throw away streams when its memory is full.
    pub allow_eviction: bool,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            username: None,
            password: None,
            sentinel_password: None,
            prefix: "trunkline".into(),
            tls_ca_file: None,
            allow_eviction: false,
        }
    }
}

pub(super) const SECTION: Section = Section {
    name: "redis",
    doc: "Where Redis is (7.0 or later, or Valkey), for `storage.backend = \"redis\"`: several nodes \
          that name the same Redis and prefix are one.",
    keys: &[
        Key::with_example(
            "redis.urls",
            Kind::Texts(|config| &mut config.redis.urls),
            "[\"redis://127.0.0.1:6379\"]",
            "One address, or several independent servers that share the channels, in the same order \
             on all nodes. `redis://HOST:PORT/DB`; `redis+sentinel://HOST:PORT,HOST:PORT/MASTER/DB`; \
             `redis+cluster://HOST:PORT,HOST:PORT`, alone. With `rediss` in place of `redis` they \
             speak TLS. `serve --redis` sets it too, and chooses the Redis backend.",
        ),
        Key::with_example(
            "redis.username",
            Kind::Text(|config| &mut config.redis.username),
            "\"trunkline\"",
            "The ACL user to enter as, if not `default`.",
        ),
        Key::new(
            "redis.password",
            Kind::Secret(|config| &mut config.redis.password),
            "The password to enter with. Better here or in the environment than in an address.",
        ),
        Key::new(
            "redis.sentinel_password",
            Kind::Secret(|config| &mut config.redis.sentinel_password),
            "The password that sentinels ask for, if they do.",
        ),
        Key::new(
            "redis.prefix",
            Kind::Name(|config| &mut config.redis.prefix),
            "What all names in Redis begin with: letters, digits, `-`, `_`, `.` and `:`. Nodes with \
             another prefix are another installation.",
        ),
        Key::with_example(
            "redis.tls_ca_file",
            Kind::Path(|config| &mut config.redis.tls_ca_file),
            "\"/etc/trunkline/redis-ca.pem\"",
            "Authorities that are trusted to vouch for Redis, instead of the system's; PEM.",
        ),
        Key::new(
            "redis.allow_eviction",
            Kind::Flag(|config| &mut config.redis.allow_eviction),
            "Be ready although Redis may throw streams away when its memory is full (a \
             `maxmemory-policy` other than `noeviction`). Clients are told of what is lost.",
        ),
    ],
};
