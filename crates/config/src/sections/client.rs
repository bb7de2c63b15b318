//! `[client]`: what clients may do before anybody knows them.

use super::Section;
use crate::key::{Key, Kind};

/// What clients may do before anybody knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Clients without a token may connect.
    pub anonymous: bool,
    /// Every client may do everything.
    pub insecure: bool,
    /// Origins of pages that may connect; none lets only pages of this very server.
    pub allowed_origins: Vec<String>,
    /// WebSocket messages may be compressed.
    pub compression: bool,
    /// The page at `/` is shown.
    pub page: bool,
    pub(crate) refusal: &'static str,
}

/// The names of the ways to refuse.
const CLOSE: &str = "close";
const HTTP: &str = "http";

impl Client {
    /// Whether who has no identity is refused by an HTTP status, before a connection is opened.
    #[must_use]
    pub fn refuses_by_status(&self) -> bool {
        self.refusal == HTTP
    }
}

impl Default for Client {
    fn default() -> Self {
        Self {
            anonymous: false,
            insecure: false,
            allowed_origins: Vec::new(),
            compression: false,
            page: false,
            refusal: CLOSE,
        }
    }
}

/// Whether a browser could send this as an `Origin`: `scheme://host` or `scheme://host:port`.
pub(crate) fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(['/', '?', '#', '@', '*', ',', '\\'])
            && part.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let host = match authority.rsplit_once(':') {
        // The colons within brackets belong to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => {
            if port.parse::<u16>().is_err() {
                return false;
            }
            host
        }
        _ => authority,
    };
    plain(scheme) && plain(host)
}

pub(super) const SECTION: Section = Section {
    name: "client",
    doc: "What clients may do before anybody knows them.",
    keys: &[
        Key::new(
            "client.anonymous",
            Kind::Flag(|config| &mut config.client.anonymous),
            "Clients without a token may connect, as nobody in particular.",
        ),
        Key::new(
            "client.insecure",
            Kind::Flag(|config| &mut config.client.insecure),
            "Every client may do everything, token or not. For development and measurements; \
             refused unless the listener is on loopback or a Unix socket.",
        ),
        Key::with_example(
            "client.allowed_origins",
            Kind::Texts(|config| &mut config.client.allowed_origins),
            "[\"https://app.example.com\"]",
            "Origins of web pages that may connect, exactly as the browser sends them. Without \
             any, only pages from this very server may. Clients that are no browser send no \
             origin, and may; of a browser that sends none, only what it says to be an event \
             stream of a page from this very server.",
        ),
        Key::new(
            "client.refusal",
            Kind::Choice(|config| &mut config.client.refusal, &[CLOSE, HTTP]),
            "How a client without the identity it needs is refused where its request says who it \
             is (`/ws`, `/sse`, rooms): the connection is opened and closed with a code that a \
             browser can read, or the request is answered with an HTTP status such as 401, which \
             proxies and tools understand.",
        ),
        Key::new(
            "client.compression",
            Kind::Flag(|config| &mut config.client.compression),
            "Agree to compress WebSocket messages (permessage-deflate) with clients that ask for \
             it.",
        ),
        Key::new(
            "client.page",
            Kind::Flag(|config| &mut config.client.page),
            "Show a page at `/` to try things out.",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_would_send_is_an_origin() {
        for text in
            ["https://app.example.com", "http://localhost:3000", "http://[::1]:80", "app://x"]
        {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://a/",
            "https://a/path",
            "https://*.a",
            "https://a:b",
            "https://a b",
            "://a",
            "https://u@a",
            "https://a,https://b",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
