//! An address to listen on, as people write it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// `127.0.0.1:8000`, `[::1]:8000` or `unix:/run/trunkline.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// An IP address and a port; port 0 is any that is free.
    Tcp(SocketAddr),
    /// The path of a Unix domain socket.
    Unix(PathBuf),
}

/// Why a text is no address to listen on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ListenAddrError {
    /// `:8000` leaves open who may connect; nobody should open a port to the world by omission.
    #[error(
        "{0:?} names no host: write 127.0.0.1{0} for this machine only, 0.0.0.0{0} for everyone"
    )]
    NoHost(String),
    /// `unix:` and nothing else.
    #[error("unix: needs a path, as in unix:/run/trunkline.sock")]
    NoPath,
    /// Neither form.
    #[error(
        "{0:?} is no address: write an IP address and a port, as in 127.0.0.1:8000, or unix:/path"
    )]
    Unknown(String),
}

impl FromStr for ListenAddr {
    type Err = ListenAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(ListenAddrError::NoPath)
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        if text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()) {
            return Err(ListenAddrError::NoHost(text.to_owned()));
        }
        text.parse().map(Self::Tcp).map_err(|_| ListenAddrError::Unknown(text.to_owned()))
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ListenAddr, ListenAddrError};

    #[test]
    fn what_is_written_is_what_is_shown() {
        for text in ["127.0.0.1:8000", "0.0.0.0:0", "[::1]:443", "unix:/run/trunkline.sock"] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_say_what_to_write() {
        let error = ":8000".parse::<ListenAddr>().unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:8000"), "{error}");
        assert_eq!("unix:".parse::<ListenAddr>(), Err(ListenAddrError::NoPath));
        for text in ["", ":", ":x", "localhost:8000", "127.0.0.1", "127.0.0.1:99999", "/run/x"] {
            let error = text.parse::<ListenAddr>().unwrap_err();
            assert_eq!(error, ListenAddrError::Unknown(text.into()));
        }
    }
}
