//! Where calls go.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;

/// An absolute `http` or `https` address without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Uri);

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("no absolute address such as https://app.example.com/trunkline/connect")]
    Malformed,
    /// Its scheme is another.
    #[error("neither http nor https")]
    Scheme,
    /// It has a user or a password in it, which would be seen in logs.
    #[error("an address with credentials in it: send them as a header")]
    Credentials,
}

impl Address {
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether what is sent there can be read on the way: it is plain HTTP, and leaves the machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.0.scheme_str() == Some("http") && !self.is_loopback()
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// The host, as written.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or("")
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let uri: Uri = text.parse().map_err(|_| AddressError::Malformed)?;
        let authority = uri.authority().ok_or(AddressError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(AddressError::Malformed);
        }
        match uri.scheme_str() {
            Some("http" | "https") => Ok(Self(uri)),
            _ => Err(AddressError::Scheme),
        }
    }
}

impl fmt::Display for Address {
    /// Without the query, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or("");
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.0.path())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_addresses_are_taken() {
        for text in ["http://127.0.0.1:1/a?b=c", "https://app.example.com", "http://[::1]:80/x"] {
            text.parse::<Address>().unwrap();
        }
        for (text, error) in [
            ("", AddressError::Malformed),
            ("/connect", AddressError::Malformed),
            ("ftp://a/b", AddressError::Scheme),
            ("https://user:word@a/b", AddressError::Credentials),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_has_no_query() {
        let address: Address = "https://a.b:8443/c?key=secret".parse().unwrap();
        assert_eq!(address.to_string(), "https://a.b:8443/c");
    }

    #[test]
    fn plain_http_beyond_the_machine_is_exposed() {
        let exposed = |text: &str| text.parse::<Address>().unwrap().is_exposed();
        assert!(exposed("http://10.0.0.1/a") && exposed("http://app/a"));
        assert!(!exposed("http://127.0.0.1/a") && !exposed("http://[::1]/a"));
        assert!(!exposed("https://app/a"));
    }
}
