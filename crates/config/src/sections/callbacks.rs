//! `[callbacks]`: what the application is asked about clients.

use super::Section;
use crate::key::{Key, Kind};

/// What the application is asked about clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callbacks {
    /// Where it is asked who a client is.
    pub connect_url: Option<String>,
    /// Where, whether it may go on.
    pub refresh_url: Option<String>,
    /// Where, whether it may subscribe.
    pub subscribe_url: Option<String>,
    /// Where, whether it may publish.
    pub publish_url: Option<String>,
    /// Where, whether a subscription may go on.
    pub sub_refresh_url: Option<String>,
    /// Where methods are called.
    pub rpc_url: Option<String>,
    /// Milliseconds it may take.
    pub timeout_ms: u64,
    /// Milliseconds for which an answer to who a client is holds for others like it.
    pub connect_cache_ms: u64,
    /// Header fields of the client's request that it is shown.
    pub headers: Vec<String>,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            connect_url: None,
            refresh_url: None,
            subscribe_url: None,
            publish_url: None,
            sub_refresh_url: None,
            rpc_url: None,
            timeout_ms: 1_000,
            connect_cache_ms: 0,
            headers: vec!["cookie".into()],
        }
    }
}

pub(super) const SECTION: Section = Section {
    name: "callbacks",
    doc: "What the application is asked about clients, over HTTP, in the shape of Centrifugo's \
          proxy calls. [callbacks.md](callbacks.md) has more.",
    keys: &[
        Key::with_example(
            "callbacks.connect_url",
            Kind::Text(|config| &mut config.callbacks.connect_url),
            "\"https://app.example.com/trunkline/connect\"",
            "Asked who a client without a token is, as by the cookie of its request.",
        ),
        Key::with_example(
            "callbacks.refresh_url",
            Kind::Text(|config| &mut config.callbacks.refresh_url),
            "\"https://app.example.com/trunkline/refresh\"",
            "Asked whether a client that `connect_url` has let in for a time may go on.",
        ),
        Key::with_example(
            "callbacks.subscribe_url",
            Kind::Text(|config| &mut config.callbacks.subscribe_url),
            "\"https://app.example.com/trunkline/subscribe\"",
            "Asked whether a client may subscribe, in namespaces with `subscribe_callback`.",
        ),
        Key::with_example(
            "callbacks.publish_url",
            Kind::Text(|config| &mut config.callbacks.publish_url),
            "\"https://app.example.com/trunkline/publish\"",
            "Asked whether a client may publish, and what, in namespaces with `publish_callback`.",
        ),
        Key::with_example(
            "callbacks.sub_refresh_url",
            Kind::Text(|config| &mut config.callbacks.sub_refresh_url),
            "\"https://app.example.com/trunkline/sub_refresh\"",
            "Asked whether a subscription that `subscribe_url` has allowed for a time may go on.",
        ),
        Key::with_example(
            "callbacks.rpc_url",
            Kind::Text(|config| &mut config.callbacks.rpc_url),
            "\"https://app.example.com/trunkline/rpc\"",
            "Answers methods that clients call.",
        ),
        Key::new(
            "callbacks.timeout",
            Kind::Time(|config| &mut config.callbacks.timeout_ms, 10, 60_000),
            "How long the application may take for an answer. Then clients are told to come back.",
        ),
        Key::new(
            "callbacks.connect_cache",
            Kind::Time(|config| &mut config.callbacks.connect_cache_ms, 0, 600_000),
            "For how long the answer to who a client is holds for others with the same header \
             fields; 0 asks about each. With some seconds, clients that all come back at once are \
             no storm for the application, and whoever logs out is known for as long.",
        ),
        Key::new(
            "callbacks.headers",
            Kind::Texts(|config| &mut config.callbacks.headers),
            "Header fields of the client's request that the application is shown. Not those that \
             say how that one is sent, such as `host`, `content-length` and `connection`.",
        ),
    ],
};
