//! Where Redis is, as an operator writes it.
//!
//! `redis://[user[:password]@]host[:port][/db]`, `rediss://…` with TLS,
//! `redis+sentinel://[user[:password]@]host:port,host:port/master[/db]` and
//! `redis+cluster://[user[:password]@]host:port,host:port`, the latter two also with `rediss`.

use std::fmt;

/// Where one server, or a group that acts as one, is found.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(crate) deployment: Deployment,
    pub(crate) tls: bool,
    pub(crate) username: Option<Box<str>>,
    pub(crate) password: Option<Box<str>>,
    pub(crate) database: u32,
}

/// How Redis is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deployment {
    Single(Address),
    Sentinel { sentinels: Vec<Address>, master: Box<str> },
    Cluster(Vec<Address>),
}

/// A host and a port.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without the password.
impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisUrl")
            .field("deployment", &self.deployment)
            .field("tls", &self.tls)
            .field("username", &self.username)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// Why a text is no address of Redis. The text itself, which may hold a password, is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It begins with none of the schemes.
    #[error(
        "it must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, \
         redis+cluster:// or rediss+cluster://"
    )]
    Scheme,
    /// A host or port is missing or wrong.
    #[error("a host is missing, or a port is no number from 1 to 65535")]
    Address,
    /// Several hosts are named where there is one.
    #[error("several hosts want redis+sentinel:// or redis+cluster://")]
    Several,
    /// Sentinel watches masters by name.
    #[error("the name of the master is missing: redis+sentinel://host:port/NAME")]
    Master,
    /// The database is no number.
    #[error("the database is no number")]
    Database,
    /// Clusters have one database.
    #[error("a cluster has no databases beside 0")]
    ClusterDatabase,
    /// A `%` in user or password is not followed by two hexadecimal digits.
    #[error("a % in user or password must be followed by two hexadecimal digits")]
    Escape,
}

/// Ports if nothing else is said.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl RedisUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let (tls, kind) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis").ok_or(UrlError::Scheme)?),
        };
        let (who, rest) = match rest.rsplit_once('@') {
            Some((who, rest)) => (Some(who), rest),
            None => (None, rest),
        };
        let (username, password) = credentials(who.unwrap_or_default())?;
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if kind == "+sentinel" { SENTINEL_PORT } else { PORT };
        let mut addresses =
            hosts.split(',').map(|host| address(host, port)).collect::<Result<Vec<_>, _>>()?;
        let (deployment, database) = match kind {
            "" if addresses.len() > 1 => return Err(UrlError::Several),
            "" => (Deployment::Single(addresses.remove(0)), path),
            "+sentinel" => {
                let (master, database) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(UrlError::Master);
                }
                (Deployment::Sentinel { sentinels: addresses, master: master.into() }, database)
            }
            "+cluster" if !matches!(path, "" | "0") => return Err(UrlError::ClusterDatabase),
            "+cluster" => (Deployment::Cluster(addresses), ""),
            _ => return Err(UrlError::Scheme),
        };
        let database = match database {
            "" => 0,
            number => number.parse().map_err(|_| UrlError::Database)?,
        };
        Ok(Self { deployment, tls, username, password, database })
    }

    /// Uses these, where the address does not say who we are.
    #[must_use]
    pub fn with_credentials(mut self, username: Option<&str>, password: Option<&str>) -> Self {
        self.username = self.username.or_else(|| username.map(Into::into));
        self.password = self.password.or_else(|| password.map(Into::into));
        self
    }

    /// Whether it names a cluster, which keeps all partitions itself.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        matches!(self.deployment, Deployment::Cluster(_))
    }

    /// Whether the password is in it, rather than beside it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

type Credentials = (Option<Box<str>>, Option<Box<str>>);

fn credentials(text: &str) -> Result<Credentials, UrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let some = |text: &str| {
        let text = unescape(text)?;
        Ok((!text.is_empty()).then(|| text.into_boxed_str()))
    };
    Ok((some(user)?, some(password)?))
}

/// Percent-encoding, as in any URL (RFC 3986, section 2.1).
fn unescape(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(UrlError::Escape)?;
        let digits = std::str::from_utf8(digits).map_err(|_| UrlError::Escape)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| UrlError::Escape)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Escape)
}

fn address(text: &str, port: u16) -> Result<Address, UrlError> {
    let (host, given) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(UrlError::Address)?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match given {
        Some(digits) => digits.parse().ok().filter(|&port| port > 0).ok_or(UrlError::Address)?,
        None => port,
    };
    if host.is_empty() {
        return Err(UrlError::Address);
    }
    Ok(Address { host: host.into(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    #[test]
    fn an_address_says_how_redis_is_run() {
        let url = RedisUrl::parse("rediss://ann:s%40cret@[::1]:7000/3").unwrap();
        assert_eq!(url.deployment, Deployment::Single(at("::1", 7000)));
        assert_eq!((url.tls, url.database), (true, 3));
        assert_eq!(
            (url.username.as_deref(), url.password.as_deref()),
            (Some("ann"), Some("s@cret"))
        );
        let url = RedisUrl::parse("redis://:x@h").unwrap();
        assert_eq!((url.username, url.password.as_deref()), (None, Some("x")));
        assert_eq!(url.deployment, Deployment::Single(at("h", 6379)));
        let url = RedisUrl::parse("redis+sentinel://a,b:5/main/2").unwrap();
        let sentinels = vec![at("a", 26379), at("b", 5)];
        assert_eq!(url.deployment, Deployment::Sentinel { sentinels, master: "main".into() });
        assert_eq!(url.database, 2);
        let url = RedisUrl::parse("redis+cluster://a:1,b:2").unwrap();
        assert_eq!(url.deployment, Deployment::Cluster(vec![at("a", 1), at("b", 2)]));
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_it() {
        for (text, error) in [
            ("localhost:6379", UrlError::Scheme),
            ("http://h", UrlError::Scheme),
            ("redis+other://h", UrlError::Scheme),
            ("redis://", UrlError::Address),
            ("redis://h:0", UrlError::Address),
            ("redis://h:x", UrlError::Address),
            ("redis://[::1", UrlError::Address),
            ("redis://a,b", UrlError::Several),
            ("redis+sentinel://a", UrlError::Master),
            ("redis://h/x", UrlError::Database),
            ("redis+cluster://a/1", UrlError::ClusterDatabase),
            ("redis://u:%4@h", UrlError::Escape),
            ("redis://u:%zz@h", UrlError::Escape),
        ] {
            assert_eq!(RedisUrl::parse(text), Err(error), "{text}");
        }
        let url = RedisUrl::parse("redis://u:hidden@h").unwrap();
        assert!(!format!("{url:?}").contains("hidden"));
    }
}
