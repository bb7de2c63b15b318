//! What holds in every scene, whatever happens in it.
//!
//! The witness plays the hub, the node and the client: it fails when a session lets a channel go
//! that it does not have, enters one twice, answers a command twice, or talks after its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::reply::{Push, Reply};
use crate::session::{Effect, Input, Session};

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Attending,
    Held,
    Listening,
    Parked,
}

#[derive(Default)]
pub(super) struct Witness {
    hub: BTreeMap<String, Standing>,
    inside: BTreeSet<String>,
    unanswered: BTreeSet<u32>,
    /// Whether the connect reply is still to come.
    connecting: bool,
    /// Whether it wants to be told that everything has been sent.
    pub(super) drains: bool,
    /// It becomes its user's: it leaves its channels as nobody, and enters them again at once.
    bound: bool,
    ended: bool,
    closed: bool,
}

impl Witness {
    pub(super) fn hears(&mut self, input: &Input<'_>) {
        self.bound = false;
        match input {
            Input::Command(command) if command.id > 0 && !self.ended => {
                self.unanswered.insert(command.id);
            }
            Input::Gone => self.ended = true,
            Input::Drained => self.drains = false,
            _ => {}
        }
    }

    pub(super) fn sees(&mut self, effect: &Effect) {
        let last_words = matches!(effect, Effect::Unlisten { .. } | Effect::Exit { .. });
        assert!(!self.closed && (last_words || !self.ended), "after the end: {effect:?}");
        match effect {
            Effect::Bound { .. } => self.bound = true,
            Effect::Reply { id, result } => {
                assert!(self.unanswered.remove(id), "nobody asked: {effect:?}");
                self.connecting &= !matches!(result, Ok(Reply::Connect(_)));
            }
            Effect::Push(Push::Connect(_)) => self.connecting = false,
            Effect::Push(_) => assert!(!self.connecting, "before the connect reply: {effect:?}"),
            Effect::Connected { .. } => self.connecting = true,
            Effect::Attend { channel } => {
                let before = self.hub.insert(channel.to_string(), Standing::Attending);
                assert_eq!(before, None, "{effect:?}");
            }
            Effect::Listen { channel, .. } => {
                let before = self.hub.insert(channel.to_string(), Standing::Listening);
                assert!(matches!(before, None | Some(Standing::Attending)), "{effect:?}");
            }
            Effect::Hold { channel, .. } => {
                let before = self.hub.insert(channel.to_string(), Standing::Held);
                let again = self.inside.contains(channel.as_str());
                assert_eq!(before.is_some(), again, "{effect:?}");
            }
            Effect::Park { channel } => {
                assert!(self.inside.contains(channel.as_str()), "{effect:?}");
                self.hub.insert(channel.to_string(), Standing::Parked);
            }
            Effect::Release { channel, .. } | Effect::Skip { channel, .. } => {
                let before = self.hub.insert(channel.to_string(), Standing::Listening);
                assert_eq!(before, Some(Standing::Held), "{effect:?}");
            }
            Effect::Unlisten { channel } => {
                assert!(self.hub.remove(channel.as_str()).is_some(), "{effect:?}");
            }
            Effect::Enter { channel, .. } => {
                assert_eq!(self.hub.get(channel.as_str()), Some(&Standing::Listening));
                assert!(self.inside.insert(channel.to_string()), "{effect:?}");
            }
            Effect::Exit { channel, .. } => {
                assert!(self.bound || !self.hub.contains_key(channel.as_str()), "{effect:?}");
                assert!(self.inside.remove(channel.as_str()), "{effect:?}");
            }
            Effect::Drain => {
                assert!(!self.drains, "{effect:?}");
                self.drains = true;
            }
            Effect::Ask { .. } | Effect::Ping | Effect::Lost(_) => {}
            Effect::Close(_) => {
                self.ended = true;
                self.closed = true;
            }
        }
    }

    pub(super) fn agrees_with(&self, session: &Session) {
        assert_eq!(session.is_closed(), self.ended);
        if self.ended {
            assert_eq!(self.hub, BTreeMap::new(), "nothing is left behind");
            assert_eq!(self.inside, BTreeSet::new(), "nobody is left behind");
            assert_eq!(session.subscription_count(), 0);
        } else if !self.connecting {
            // Until the connect reply some subscriptions are planned and no more.
            assert_eq!(session.subscription_count(), self.hub.len());
        }
        let listens = |channel: &String| self.hub.get(channel) == Some(&Standing::Listening);
        let listening: BTreeSet<_> = self.hub.keys().filter(|channel| listens(channel)).collect();
        assert!(listening.iter().all(|channel| self.inside.contains(*channel)));
        assert!(self.inside.iter().all(|channel| self.hub.contains_key(channel)));
    }

    /// Whether every channel that was entered is listened to.
    pub(super) fn is_live(&self) -> bool {
        self.inside.iter().all(|channel| self.hub[channel] == Standing::Listening)
    }

    /// Whether every command has its answer.
    pub(super) fn is_satisfied(&self) -> bool {
        self.ended || self.unanswered.is_empty()
    }
}
