//! Which web pages may connect.
//!
//! A browser lets any page open a WebSocket to any host and sends that host's cookies along, so
//! that only the server can tell a page of its own from another (RFC 6455 section 10.2). The same
//! goes for any `GET`, of which even the origin may be missing.

use crate::http::Head;

/// What browsers say of a page's own `EventSource` or `fetch`. Images, scripts and navigations of
/// whatever page, which come without an origin as well, are said to be something else (Fetch
/// Metadata Request Headers, section 2).
const OWN_STREAM: [(&str, &[&str]); 3] = [
    // `none` is what no page has caused.
    ("sec-fetch-site", &["same-origin", "none"]),
    ("sec-fetch-mode", &["cors", "same-origin"]),
    ("sec-fetch-dest", &["empty"]),
];

/// An allow-list of origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Every page: for services that do not rely on cookies.
    #[default]
    Any,
    /// The pages whose `scheme://host[:port]` is on the list, exactly, and those that come from the
    /// very host and port that is asked. Case of scheme and host does not matter, nor whether the
    /// scheme's usual port is written out. An entry that is no origin matches nothing.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Whether a plain `GET` may open a stream of events. Browsers name no origin in a page's requests
    /// to its own server, nor in those that need no answer a script could read, such as an image's.
    /// Which of them it is they say in other fields; who says nothing there either is no browser, an
    /// old one, or not asked over a connection it takes to be safe.
    pub fn allows_stream(&self, head: &Head<'_>) -> bool {
        let origin = head.header("origin");
        let is_own = || {
            let fits = |(name, own): &(&str, &[&str])| head.all(name).all(|it| own.contains(&it));
            OWN_STREAM.iter().all(fits)
        };
        self.allows(origin, head.header("host"))
            && (*self == Self::Any || origin.is_some() || is_own())
    }

    /// Whether a WebSocket's handshake with these `Origin` and `Host` headers may connect. Without
    /// the first it comes from no browser, and so not from a page that abuses its visitor's cookies.
    pub fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        match (self, origin) {
            (Self::Any, _) | (Self::List(_), None) => true,
            (Self::List(list), Some(origin)) => Origin::parse(origin).is_some_and(|origin| {
                host.is_some_and(|host| origin.is_of(host))
                    || list.iter().filter_map(|entry| Origin::parse(entry)).any(|e| e == origin)
            }),
        }
    }
}

/// An origin taken apart, in lower case.
#[derive(PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    /// `None` where the scheme's usual port is meant.
    port: Option<u16>,
}

impl Origin {
    /// Whether a page of this origin was served from `host`, which names a port unless it is the
    /// usual one of the origin's scheme.
    fn is_of(&self, host: &str) -> bool {
        Self::parse(&format!("{}://{host}", self.scheme)).is_some_and(|own| own == *self)
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.trim().split_once("://")?;
        let usual_port = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        // The colons within brackets belong to an IPv6 address.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (authority, None),
        };
        let plain = |text: &str| !text.is_empty() && !text.contains(['/', '?', '#', '@', ' ']);
        (plain(scheme) && plain(host)).then(|| Self {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_ascii_lowercase(),
            port: port.filter(|port| Some(*port) != usual_port),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OriginPolicy;

    #[test]
    fn origins() {
        let policy = OriginPolicy::List(
            [
                "https://Chat.example",
                "http://localhost:3000",
                "http://[::1]",
                "chrome-extension://abc",
            ]
            .map(String::from)
            .to_vec(),
        );
        for allowed in [
            "https://chat.example",
            "HTTPS://CHAT.EXAMPLE",
            "https://chat.example:443",
            "http://localhost:3000",
            "http://[::1]",
            "http://[::1]:80",
            "chrome-extension://abc",
        ] {
            assert!(policy.allows(Some(allowed), None), "{allowed}");
        }
        for refused in [
            "http://chat.example",
            "https://chat.example:8443",
            "https://evil.chat.example",
            "https://chat.example.evil",
            "https://chat.example/",
            "https://chat.example@evil",
            "http://localhost",
            "http://localhost:99999",
            "null",
            "",
            "chat.example",
        ] {
            assert!(!policy.allows(Some(refused), None), "{refused}");
        }
        assert!(policy.allows(None, None), "no browser, no origin");
    }

    #[test]
    fn any_is_any_and_an_empty_list_is_none() {
        assert!(OriginPolicy::Any.allows(Some("null"), None));
        assert!(!OriginPolicy::List(Vec::new()).allows(Some("https://chat.example"), None));
    }

    #[test]
    fn a_page_may_talk_to_the_host_it_came_from() {
        let policy = OriginPolicy::List(Vec::new());
        for (origin, host, allowed) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000", true),
            ("https://Chat.example", "chat.example:443", true),
            ("https://chat.example", "chat.example", true),
            ("http://chat.example:8000", "chat.example", false),
            ("http://evil.example", "chat.example", false),
            ("null", "chat.example", false),
            ("http://chat.example@evil", "chat.example@evil", false),
        ] {
            assert_eq!(policy.allows(Some(origin), Some(host)), allowed, "{origin} {host}");
        }
    }

    #[test]
    fn an_entry_that_is_no_origin_matches_nothing() {
        let policy = OriginPolicy::List(vec!["null".into(), "*".into(), "chat.example".into()]);
        for origin in ["null", "*", "chat.example", "https://chat.example"] {
            assert!(!policy.allows(Some(origin), None));
        }
    }
}
