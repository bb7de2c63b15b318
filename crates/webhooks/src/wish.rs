//! Of what a receiver wants to be told.

use crate::event::Kind;

/// What a receiver wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Of what.
    pub events: Vec<Kind>,
    /// Of which channels, where it is of channels: names, and beginnings of names that end with `*`.
    /// All, if there are none.
    pub channels: Vec<String>,
}

impl Wish {
    /// Whether it is for something of this kind, in some channel.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        kind.is_for_all() || self.events.contains(&kind)
    }

    /// Whether it is for something of this kind, in this channel, if in any.
    pub(crate) fn is_for(&self, kind: Kind, channel: Option<&str>) -> bool {
        let channel = channel.filter(|_| kind.is_of_channels());
        self.has(kind) && channel.is_none_or(|channel| self.covers(channel))
    }

    fn covers(&self, channel: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => channel.starts_with(beginning),
            None => channel == pattern,
        };
        self.channels.is_empty() || self.channels.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(channels: &[&str]) -> Wish {
        let channels = channels.iter().map(|channel| (*channel).to_owned()).collect();
        Wish { events: vec![Kind::Connected, Kind::Subscribed, Kind::InboxUnread], channels }
    }

    #[test]
    fn a_wish_is_for_kinds_in_channels() {
        let wish = wish(&["chat:*", "news"]);
        for (channel, wanted) in [
            ("chat:lobby", true),
            ("chat:", true),
            ("chat", false),
            ("news", true),
            ("news:1", false),
            ("", false),
        ] {
            assert_eq!(wish.is_for(Kind::Subscribed, Some(channel)), wanted, "{channel}");
            assert!(!wish.is_for(Kind::Unsubscribed, Some(channel)), "{channel}");
        }
    }

    #[test]
    fn channels_say_nothing_of_what_is_not_of_channels() {
        let wish = wish(&["chat:*"]);
        assert!(wish.is_for(Kind::Connected, None));
        assert!(wish.is_for(Kind::InboxUnread, Some("#ann")), "it is of a user");
        assert!(wish.is_for(Kind::NodeLost, None), "asked or not");
        assert!(!wish.is_for(Kind::Disconnected, None));
    }

    #[test]
    fn without_channels_it_is_for_all() {
        assert!(wish(&[]).is_for(Kind::Subscribed, Some("anything")));
    }
}
