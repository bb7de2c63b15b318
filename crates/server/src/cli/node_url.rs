//! The address of a running node, and what may keep us from it.

use std::fmt;
use std::str::FromStr;

/// An `http://` or `https://` address, perhaps with a path that a proxy puts before ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeUrl(String);

impl NodeUrl {
    /// The address of an endpoint: `path` begins with a slash.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for NodeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let Some(host) = host else {
            return Err("wants http:// or https://, as in http://127.0.0.1:8000".into());
        };
        let named = !host.is_empty() && !host.starts_with(['/', ':']);
        let plain = host.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@".contains(&byte));
        if !named || !plain {
            return Err("wants scheme, host and port only, as in http://127.0.0.1:8000".into());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a node cannot be spoken to.
pub(crate) fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "no answer in time".into(),
        _ => error.to_string(),
    }
}

/// Text as the value of a query parameter (RFC 3986, section 2.1).
pub(crate) fn query_value(text: &str) -> String {
    use fmt::Write as _;
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:,".contains(&byte) {
            value.push(char::from(byte));
        } else {
            // A `String` takes everything that is written to it.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let endpoint = |text: &str| text.parse::<NodeUrl>().map(|url| url.endpoint("/sse"));
        assert_eq!(endpoint("http://127.0.0.1:8000").unwrap(), "http://127.0.0.1:8000/sse");
        assert_eq!(endpoint("https://[::1]/live/").unwrap(), "https://[::1]/live/sse");
        for bad in [
            "127.0.0.1:8000",
            "ws://127.0.0.1:8000",
            "http://",
            "http://:80",
            "http:///x",
            "http://host?a",
            "http://me@host",
            "http://ho st",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_value_cannot_end_its_parameter() {
        assert_eq!(query_value("chat:1,a#b&c=d e\u{e9}"), "chat:1,a%23b%26c%3Dd%20e%C3%A9");
    }
}
