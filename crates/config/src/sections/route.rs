//! `[[routes]]`: channels whose publications are for users they name.

use crate::key::{Key, Kind};

/// A channel whose publications are for users they name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The channel.
    pub channel: String,
    /// The field of a publication that names the user.
    pub user_field: String,
    /// The field that holds what the user is given; all but the user where it is absent.
    pub data_field: Option<String>,
    /// One of [`SOURCES`].
    pub source: &'static str,
}

/// The default, and what is said in Redis by others.
const SOURCES: &[&str] = &["stream", "pubsub"];

impl Default for Route {
    fn default() -> Self {
        let (channel, user_field) = (String::new(), String::new());
        Self { channel, user_field, data_field: None, source: "stream" }
    }
}

impl Route {
    /// Whether it is of what others say in Redis with `PUBLISH`, rather than of a stream of ours.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.source == "pubsub"
    }
}

pub(crate) const ROUTES: &[Key<Route>] = &[
    Key::with_example(
        "routes.channel",
        Kind::Name(|route| &mut route.channel),
        "\"chat:orders\"",
        "The channel. Its namespace keeps a history, so that what is published while no node runs \
         is not lost; with `source = \"pubsub\"` it is the name given to `PUBLISH`.",
    ),
    Key::with_example(
        "routes.user_field",
        Kind::Name(|route| &mut route.user_field),
        "\"user_id\"",
        "The field of a publication, which is a JSON object, that names the user: a text, or a \
         whole number.",
    ),
    Key::with_example(
        "routes.data_field",
        Kind::Text(|route| &mut route.data_field),
        "\"data\"",
        "The field whose value enters the user's inbox. Without it the whole object does, but for \
         the user.",
    ),
    Key::new(
        "routes.source",
        Kind::Choice(|route| &mut route.source, SOURCES),
        "`stream` is a channel of Trunkline: each publication enters the inbox once. `pubsub` is a \
         plain channel of Redis, for publishers that use `PUBLISH` already: what is said while no \
         node listens is lost, as it is with Redis itself.",
    ),
];
