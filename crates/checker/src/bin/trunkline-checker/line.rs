//! One channel of a subscriber: where it is there, and what it has asked for.

use std::time::Instant;

use trunkline_checker::event::Place;

/// How it talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `/ws?channels=…&since=…`, for one channel.
    Plain,
    /// `/connection/websocket`, in JSON.
    Centrifuge,
}

impl Protocol {
    /// That of the subscriber of this number.
    pub(crate) fn of(number: u32) -> Self {
        match number % 2 {
            0 => Self::Plain,
            _ => Self::Centrifuge,
        }
    }
}

/// A channel of a subscriber.
pub(crate) struct Line {
    pub(crate) channel: String,
    /// Where it was when it was subscribed last.
    pub(crate) seen: Option<Place>,
    /// What it asked for, until that is answered.
    pub(crate) asked: Option<Asked>,
    /// Whether it is subscribed.
    pub(crate) here: bool,
}

/// A command that was sent, and what it asks for.
pub(crate) struct Asked {
    pub(crate) command: u32,
    pub(crate) since: Option<Place>,
    pub(crate) at: Instant,
}

/// The parameter `since` of `/ws`, with what stands before it.
pub(crate) fn since_parameter(since: Option<&Place>) -> String {
    let Some(Place { epoch, offset, tag }) = since else { return String::new() };
    let tag = tag.as_ref().map_or_else(String::new, |tag| format!("~{tag}"));
    format!("&since={epoch}.{offset}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stands_in_the_url_with_its_tag() {
        assert_eq!(since_parameter(None), "");
        assert_eq!(since_parameter(Some(&Place::new("e", 7))), "&since=e.7");
        let tagged = Place { tag: Some("0a".into()), ..Place::new("e", 7) };
        assert_eq!(since_parameter(Some(&tagged)), "&since=e.7~0a");
    }
}
