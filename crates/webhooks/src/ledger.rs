//! What receivers were told of channels and members: a note of each that is occupied, which names the
//! nodes it is occupied from.
//!
//! A node adds and removes itself only. Whoever is the first, or the last, tells receivers so in the
//! same step, so that each of both is told once, in the order in which it came to be, whichever node
//! dies when.

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::event::What;
use crate::occupancy::Place;

/// What the names of notes of channels begin with.
pub(crate) const CHANNELS: &str = "channel:";

/// What the names of notes of members begin with.
pub(crate) const MEMBERS: &str = "member:";

/// Digits of a name: 128 bits, so that no two places share one.
const NAME_BYTES: usize = 16;

/// An occupied place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub(crate) place: Place,
    /// The lives of nodes it is occupied from, as [`Life`] writes them.
    pub(crate) lives: BTreeSet<String>,
}

/// What an entry is to be, and what is told then.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Correction {
    /// No entry where nobody is left.
    pub(crate) entry: Option<Entry>,
    pub(crate) told: Option<What>,
}

/// One life of a node, as far as others believe that it lives: it begins another one when it was
/// taken for dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Life {
    pub(crate) node: String,
    pub(crate) number: u32,
}

impl Life {
    /// The life that a text names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (node, number) = text.rsplit_once('.')?;
        Some(Self { node: node.to_owned(), number: number.parse().ok()? })
    }
}

impl std::fmt::Display for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.node, self.number)
    }
}

/// The name of a place's note.
pub(crate) fn name(place: &Place) -> String {
    // No channel's name has a blank in it.
    let (prefix, text) = match &place.user {
        Some(user) => (MEMBERS, format!("{} {user}", place.channel)),
        None => (CHANNELS, place.channel.clone()),
    };
    format!("{prefix}{}", digits(&text))
}

/// A hash of a text that may be longer than the name of a note.
pub(crate) fn digits(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref()[..NAME_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What makes a place occupied from a life of this node, or not from any; none if it is so already.
pub(crate) fn correct(
    entry: Option<&Entry>,
    place: &Place,
    life: &Life,
    occupied: bool,
) -> Option<Correction> {
    let before = entry.map(|entry| entry.lives.clone()).unwrap_or_default();
    let mut lives = before.clone();
    lives.retain(|other| Life::parse(other).is_none_or(|other| other.node != life.node));
    if occupied {
        lives.insert(life.to_string());
    }
    (lives != before).then(|| correction(place, before.is_empty(), lives))
}

/// What removes a life that has ended from an entry; none if it does not stand there.
pub(crate) fn strike(entry: &Entry, life: &str) -> Option<Correction> {
    let mut lives = entry.lives.clone();
    lives.remove(life).then(|| correction(&entry.place, false, lives))
}

fn correction(place: &Place, was_empty: bool, lives: BTreeSet<String>) -> Correction {
    let told = match (was_empty, lives.is_empty()) {
        (true, false) => Some(arrival(place)),
        (false, true) => Some(departure(place)),
        _ => None,
    };
    let entry = (!lives.is_empty()).then(|| Entry { place: place.clone(), lives });
    Correction { entry, told }
}

fn arrival(Place { channel, user }: &Place) -> What {
    let channel = channel.clone();
    match user.clone() {
        Some(user) => What::MemberAdded { channel, user },
        None => What::ChannelOccupied { channel },
    }
}

fn departure(Place { channel, user }: &Place) -> What {
    let channel = channel.clone();
    match user.clone() {
        Some(user) => What::MemberRemoved { channel, user },
        None => What::ChannelVacated { channel },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { channel: "chat".into(), user: Some("ann".into()) }
    }

    fn life(node: &str, number: u32) -> Life {
        Life { node: node.into(), number }
    }

    fn entry(lives: &[Life]) -> Entry {
        Entry { place: place(), lives: lives.iter().map(Life::to_string).collect() }
    }

    #[test]
    fn only_the_first_and_the_last_are_told() {
        let (a, b) = (life("a", 1), life("b", 1));
        let first = correct(None, &place(), &a, true).unwrap();
        assert!(matches!(first.told, Some(What::MemberAdded { .. })));
        let second = correct(first.entry.as_ref(), &place(), &b, true).unwrap();
        assert_eq!((&second.entry, &second.told), (&Some(entry(&[a.clone(), b.clone()])), &None));
        assert_eq!(correct(second.entry.as_ref(), &place(), &b, true), None, "as it is");
        let third = correct(second.entry.as_ref(), &place(), &a, false).unwrap();
        assert_eq!(third, Correction { entry: Some(entry(std::slice::from_ref(&b))), told: None });
        let last = correct(third.entry.as_ref(), &place(), &b, false).unwrap();
        assert!(last.entry.is_none() && matches!(last.told, Some(What::MemberRemoved { .. })));
        assert_eq!(correct(None, &place(), &b, false), None);
    }

    #[test]
    fn a_node_that_was_taken_for_dead_takes_the_place_of_its_former_life() {
        let again = correct(Some(&entry(&[life("a", 1)])), &place(), &life("a", 2), true).unwrap();
        assert_eq!(again, Correction { entry: Some(entry(&[life("a", 2)])), told: None });
    }

    #[test]
    fn the_dead_are_struck_out() {
        let both = entry(&[life("a", 1), life("b", 1)]);
        let one = strike(&both, "a.1").unwrap();
        assert_eq!(one, Correction { entry: Some(entry(&[life("b", 1)])), told: None });
        assert_eq!(strike(&both, "a.2"), None);
        let none = strike(&one.entry.unwrap(), "b.1").unwrap();
        assert!(none.entry.is_none() && none.told.is_some());
    }

    #[test]
    fn places_have_names_of_their_own() {
        let channel = Place { channel: "chat".into(), user: None };
        assert_ne!(name(&place()), name(&channel));
        assert_eq!(name(&channel).len(), CHANNELS.len() + 2 * NAME_BYTES);
        let entry = entry(&[life("a.b", 3)]);
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
        assert_eq!(Life::parse("a.b.3"), Some(life("a.b", 3)));
    }
}
