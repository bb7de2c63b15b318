//! Channel names, parsed once at the edge.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::identity::UserId;
use crate::limits::CHANNEL_NAME_BYTES;

/// A valid channel name: `namespace:rest`, `rest`, `$private`, `rest#user,user` or `#user`.
///
/// Holding one proves that it is between 1 and 255 bytes of printable ASCII without blanks and
/// without the characters reserved for patterns and keys. Cloning shares the text. Hashes and
/// compares like its text, so maps keyed by it can be asked with a `&str`.
#[derive(Clone)]
pub struct ChannelName {
    text: Arc<str>,
    /// Where the `:` that ends the namespace stands; 0 for none, as no namespace is empty.
    namespace_end: u8,
}

/// Why a text is no channel name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// It has no characters.
    #[error("channel name is empty")]
    Empty,
    /// It is longer than [`CHANNEL_NAME_BYTES`].
    #[error("channel name is longer than 255 bytes")]
    TooLong,
    /// It holds a blank, a control character, something outside ASCII, or one of `* & / { }`.
    #[error("channel name holds a character that is not allowed")]
    Character,
    /// It starts with `:`, so that its namespace has no name.
    #[error("channel name has an empty namespace")]
    EmptyNamespace,
}

/// Reserved: `*` and `/` for patterns, `&` for client channels, braces for cluster hash tags.
fn allowed(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'*' | b'&' | b'/' | b'{' | b'}')
}

impl ChannelName {
    /// Parses a name.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, ChannelNameError> {
        if text.is_empty() {
            return Err(ChannelNameError::Empty);
        }
        if text.len() > CHANNEL_NAME_BYTES {
            return Err(ChannelNameError::TooLong);
        }
        if !text.bytes().all(allowed) {
            return Err(ChannelNameError::Character);
        }
        let start = usize::from(text.starts_with('$'));
        let colon = text.find(':').filter(|_| !text.starts_with('#'));
        let namespace_end = match colon {
            Some(at) if at == start => return Err(ChannelNameError::EmptyNamespace),
            Some(at) => u8::try_from(at).unwrap_or(0),
            None => 0,
        };
        Ok(Self { text: text.into(), namespace_end })
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the first `:`, without a leading `$`; `None` for the default namespace.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let start = usize::from(self.is_private());
        (self.namespace_end > 0).then(|| &self.text[start..usize::from(self.namespace_end)])
    }

    /// The part after the namespace; the whole name where there is none.
    #[must_use]
    pub fn rest(&self) -> &str {
        match self.namespace_end {
            0 => &self.text,
            end => &self.text[usize::from(end) + 1..],
        }
    }

    /// Whether the name starts with `$`: such a channel wants a subscription token, always.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.text.starts_with('$')
    }

    /// Whether the name starts with `$$`: nodes keep notes of their own there, and no namespace has
    /// it.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.text.starts_with("$$")
    }

    /// Whether the name lists its users after a `#`.
    #[must_use]
    pub fn is_user_limited(&self) -> bool {
        self.text.contains('#')
    }

    /// The personal channel of a user, `#user`: their inbox. Bytes of the user id that cannot stand
    /// in a name, and `,` and `%`, are written as `%` and two hexadecimal digits.
    ///
    /// `None` for the anonymous user, and for one whose name would be too long.
    #[must_use]
    pub fn personal(user: &UserId) -> Option<Self> {
        if user.is_anonymous() {
            return None;
        }
        let mut text = String::with_capacity(user.as_str().len() + 1);
        text.push('#');
        for byte in user.as_str().bytes() {
            if allowed(byte) && !matches!(byte, b',' | b'%') {
                text.push(char::from(byte));
            } else {
                let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
                text.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
            }
        }
        Self::parse(&text).ok()
    }

    /// Whether it is the personal channel of some user. Such a name has no namespace.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        self.text.starts_with('#') && !self.text.contains(',')
    }

    /// Whose personal channel it is, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        let mut rest = self.is_personal().then(|| &self.text.as_bytes()[1..])?;
        let mut user = Vec::with_capacity(rest.len());
        while let [byte, after @ ..] = rest {
            rest = match (byte, after) {
                (b'%', [high, low, after @ ..]) => {
                    let digit = |byte: &u8| char::from(*byte).to_digit(16);
                    user.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
                    after
                }
                _ => {
                    user.push(*byte);
                    after
                }
            };
        }
        String::from_utf8(user).ok().map(|user| UserId::new(&user))
    }

    /// Whether `user` stands in the list after `#`. False for names without a list and for the
    /// anonymous user.
    #[must_use]
    pub fn lists_user(&self, user: &str) -> bool {
        if self.is_personal() {
            return Self::personal(&UserId::new(user)).is_some_and(|name| name == *self);
        }
        !user.is_empty()
            && self
                .text
                .split_once('#')
                .is_some_and(|(_, users)| users.split(',').any(|listed| listed == user))
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.text)
    }
}

impl PartialEq for ChannelName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ChannelName {}

impl Hash for ChannelName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for ChannelName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ChannelName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_at_its_first_colon() {
        let name = ChannelName::parse("chat:room:1").unwrap();
        assert_eq!(name.namespace(), Some("chat"));
        assert_eq!(name.rest(), "room:1");
        assert_eq!(ChannelName::parse("lobby").unwrap().namespace(), None);
    }

    #[test]
    fn a_dollar_is_not_part_of_the_namespace() {
        let name = ChannelName::parse("$chat:1").unwrap();
        assert!(name.is_private());
        assert_eq!(name.namespace(), Some("chat"));
    }

    #[test]
    fn only_listed_users_match() {
        let name = ChannelName::parse("dialog#42,43").unwrap();
        assert!(name.lists_user("42") && name.lists_user("43"));
        assert!(!name.lists_user("4") && !name.lists_user(""));
        assert!(ChannelName::parse("#42").unwrap().lists_user("42"));
    }

    #[test]
    fn a_personal_channel_is_one_users_alone() {
        let named = |user: &str| ChannelName::personal(&UserId::new(user));
        for (user, name) in [
            ("42", "#42"),
            ("a:b", "#a:b"),
            ("4,2", "#4%2C2"),
            ("50%", "#50%25"),
            ("J\u{fc}rg {x}", "#J%C3%BCrg%20%7Bx%7D"),
        ] {
            let channel = named(user).unwrap();
            assert_eq!(channel.as_str(), name);
            assert!(channel.is_personal() && channel.lists_user(user));
            assert_eq!(channel.user(), Some(UserId::new(user)));
            assert_eq!(channel.namespace(), None);
        }
        assert_eq!((named(""), named(&"\u{fc}".repeat(64))), (None, None));
        assert!(!ChannelName::parse("#4%2C2").unwrap().lists_user("2"));
        assert!(!ChannelName::parse("#4,2").unwrap().is_personal());
        assert!(!ChannelName::parse("a#4").unwrap().is_personal());
        for nobodys in ["a#4", "#4,2", "#%C3", "#%zz"] {
            assert_eq!(ChannelName::parse(nobodys).unwrap().user(), None, "{nobodys}");
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let long = "x".repeat(256);
        for (text, error) in [
            ("", ChannelNameError::Empty),
            (long.as_str(), ChannelNameError::TooLong),
            ("a b", ChannelNameError::Character),
            ("a\n", ChannelNameError::Character),
            ("caf\u{e9}", ChannelNameError::Character),
            ("a*", ChannelNameError::Character),
            ("{a}", ChannelNameError::Character),
            (":a", ChannelNameError::EmptyNamespace),
            ("$:a", ChannelNameError::EmptyNamespace),
        ] {
            assert_eq!(ChannelName::parse(text).unwrap_err(), error, "{text:?}");
        }
        assert!(ChannelName::parse(&"x".repeat(255)).is_ok());
    }
}
