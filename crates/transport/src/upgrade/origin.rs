//! Which web pages may connect.
//!
//! A browser lets any page open a WebSocket to any host and sends that host's cookies along, so
//! that only the server can tell a page of its own from another (RFC 6455 section 10.2).

/// An allow-list of origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Every page: for services that do not rely on cookies.
    #[default]
    Any,
    /// The pages whose `scheme://host[:port]` is on the list, exactly. Case of scheme and host
    /// does not matter, nor whether the scheme's usual port is written out. An entry that is
    /// no origin matches nothing.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Whether a request with this `Origin` header may connect. Without the header it comes
    /// from no browser, and so not from a page that abuses its visitor's cookies.
    pub fn allows(&self, origin: Option<&str>) -> bool {
        match (self, origin) {
            (Self::Any, _) | (Self::List(_), None) => true,
            (Self::List(list), Some(origin)) => Origin::parse(origin).is_some_and(|origin| {
                list.iter().filter_map(|entry| Origin::parse(entry)).any(|entry| entry == origin)
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
            assert!(policy.allows(Some(allowed)), "{allowed}");
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
            assert!(!policy.allows(Some(refused)), "{refused}");
        }
        assert!(policy.allows(None), "no browser, no origin");
    }

    #[test]
    fn any_is_any_and_an_empty_list_is_none() {
        assert!(OriginPolicy::Any.allows(Some("null")));
        assert!(!OriginPolicy::List(Vec::new()).allows(Some("https://chat.example")));
    }

    #[test]
    fn an_entry_that_is_no_origin_matches_nothing() {
        let policy = OriginPolicy::List(vec!["null".into(), "*".into(), "chat.example".into()]);
        for origin in ["null", "*", "chat.example", "https://chat.example"] {
            assert!(!policy.allows(Some(origin)));
        }
    }
}
