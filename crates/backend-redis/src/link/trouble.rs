//! What goes wrong with a connection, in words an operator can act upon.

use std::io;

use crate::resp::Reply;

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no answer in time")]
    Slow,
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("the server closed the connection; does it want TLS (rediss://)?")]
    ClosedAtFirst,
    #[error("the server closed the connection")]
    Closed,
    #[error("the connection was lost: {0}")]
    Lost(io::Error),
    #[error("what came is not the protocol of Redis")]
    Malformed,
    #[error("wrong user or password, or one is missing: {0}")]
    Credentials(String),
    #[error("the database cannot be used: {0}")]
    Database(String),
    #[error("the user may not do what is needed: {0}")]
    Permission(String),
    #[error("the server is too old: Redis 7.0 or later is needed, or Valkey ({0})")]
    Old(String),
    #[error("the server is no master but a {0}")]
    Role(String),
    #[error("no sentinel knows a master named {0:?}")]
    NoMaster(Box<str>),
    #[error("no node of the cluster tells who keeps what")]
    NoCluster,
    #[error("the server says: {0}")]
    Refused(String),
    #[error("nothing comes through, though the connection stands")]
    Deaf,
    #[error(
        "it may throw streams away when its memory is full (maxmemory-policy {0}): set noeviction \
         there, or redis.allow_eviction = true here"
    )]
    Evicts(String),
    #[error("the master is another server now")]
    Moved,
}

impl Trouble {
    /// What an error in place of an answer means.
    pub(crate) fn of_reply(reply: &Reply) -> Self {
        let Reply::Error(text) = reply else { return Self::Malformed };
        let text = text.clone();
        match text.split(' ').next().unwrap_or_default() {
            "WRONGPASS" | "NOAUTH" => Self::Credentials(text),
            "NOPERM" => Self::Permission(text),
            "NOPROTO" => Self::Old(text),
            _ if text.contains("DB index") || text.contains("SELECT is not allowed") => {
                Self::Database(text)
            }
            _ if text.contains("unknown command") => Self::Old(text),
            _ if text.contains("without any password configured") => Self::Credentials(text),
            _ => Self::Refused(text),
        }
    }

    pub(crate) fn tls(error: &io::Error) -> Self {
        let text = error.to_string();
        if text.contains("corrupt message") {
            return Self::no_tls();
        }
        Self::Tls(text)
    }

    pub(crate) fn no_tls() -> Self {
        Self::Tls("the server does not speak TLS there (redis://)".to_owned())
    }

    /// The same, when not a word had been exchanged.
    pub(crate) fn at_first(self, encrypted: bool) -> Self {
        match self {
            Self::Closed | Self::Lost(_) | Self::Malformed if !encrypted => Self::ClosedAtFirst,
            other => other,
        }
    }
}
