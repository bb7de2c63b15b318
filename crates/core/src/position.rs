//! Where a publication stands in the stream of its channel.

use std::fmt;
use std::sync::Arc;

use sha1::{Digest, Sha1};

use crate::publication::Publication;

/// Names one history of a stream: one life of it, and in that life one lineage. It changes when the
/// stream is reset or irreparably lost, and when a stream goes on from an earlier place than it had
/// reached, so that what was seen beyond that place is seen to be another history. It does not
/// change when a node restarts. Opaque to clients; an empty one means "not known yet".
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Epoch(Option<Arc<str>>);

impl Epoch {
    /// An epoch named by `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }

    /// Its name; empty when unknown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether it is unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The hash of everything a stream held up to a place: two places with the same tag have the same
/// past.
///
/// The tag before the first publication is [`Tag::START`]; each publication's is the first 8 bytes
/// of the SHA-1 of the tag before it, as 16 lowercase hexadecimal digits, followed by the id of the
/// message. SHA-1, because every backend has it (Redis offers no other hash to its scripts); nothing
/// here has to withstand an attacker, who could only deceive himself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tag(pub [u8; 8]);

/// Digits of a [`Tag`] as text.
const TAG_DIGITS: usize = 16;

impl Tag {
    /// The tag before the first publication.
    pub const START: Self = Self([0; 8]);

    /// The tag of the publication behind this one, whose message has this id.
    #[must_use]
    pub fn after(self, message: &[u8]) -> Self {
        let mut hash = Sha1::new();
        hash.update(self.digits());
        hash.update(message);
        let digest: [u8; 20] = hash.finalize().into();
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest[..8]);
        Self(tag)
    }

    /// As 16 lowercase hexadecimal digits.
    #[must_use]
    pub fn digits(self) -> [u8; TAG_DIGITS] {
        let mut digits = [0; TAG_DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        digits
    }

    /// Reads what [`Tag::digits`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != TAG_DIGITS || !text.bytes().all(lower) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// A place in the stream of a channel: which history, how far, and a tag that proves it.
///
/// `offset` is the number of the last publication seen; the first publication of a stream has
/// offset 1, so that 0 stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Position {
    /// The history.
    pub epoch: Epoch,
    /// Publications made in it up to and including this place.
    pub offset: u64,
    /// The tag of the publication at this place; unknown to clients whose protocol has no room for
    /// it.
    pub tag: Option<Tag>,
}

impl Position {
    /// A place without a proof.
    #[must_use]
    pub fn new(epoch: Epoch, offset: u64) -> Self {
        Self { epoch, offset, tag: None }
    }
}

/// How a publication stands to a place in its channel's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is the next one.
    Next,
    /// It is at or before the place.
    Known,
    /// It is of another history, or there are others before it.
    Elsewhere,
}

impl Position {
    /// How a publication stands to this place.
    #[must_use]
    pub fn step(&self, publication: &Publication) -> Step {
        if !self.epoch.is_empty() && self.epoch != publication.epoch {
            return Step::Elsewhere;
        }
        let differs = |other: Option<Tag>| self.tag.zip(other).is_some_and(|(a, b)| a != b);
        match publication.offset.checked_sub(self.offset) {
            // The next number behind another past, or the same number and yet another message:
            // history took another way.
            Some(1) if differs(publication.before) => Step::Elsewhere,
            Some(1) => Step::Next,
            Some(0) if differs(Some(publication.tag)) => Step::Elsewhere,
            Some(0) | None => Step::Known,
            Some(_) => Step::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_hash_of_the_one_before_and_the_message() {
        // printf '0000000000000000first' | sha1sum
        let first = Tag::START.after(b"first");
        assert_eq!(first.to_string(), "7ec7414248e9fe57");
        assert_eq!(first.after(b"second").to_string(), "bfde034b16cc1c49");
        assert_ne!(first.after(b"other"), first.after(b"second"));
    }

    #[test]
    fn a_tag_comes_back_from_its_text() {
        let tag = Tag::START.after(b"x");
        assert_eq!(std::str::from_utf8(&tag.digits()).unwrap(), tag.to_string());
        assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
        for text in [
            "",
            "0",
            "00000000000000000",
            "000000000000000G",
            "+000000000000001",
            "ABCDEF0123456789",
        ] {
            assert_eq!(Tag::parse(text), None, "{text}");
        }
    }
}
