//! A message to its listeners.

use trunkline_core::channel::ChannelName;
use trunkline_core::hub::{Arrival, ConnectionKey, Feed};
use trunkline_core::namespace::Overflow;
use trunkline_core::publication::Message;
use trunkline_core::session::Input;

use crate::pipe::Frame;

use super::SimShard;
use super::outbox::Piece;

impl SimShard {
    /// Hands a message to the listeners of its channel.
    pub(super) fn deliver(&mut self, channel: &ChannelName, message: &Message) {
        let Some(mut index) = self.hub.find(channel) else { return };
        let listeners = self.hub.listeners_mut(index);
        match listeners.arrive(message) {
            Arrival::Next => {}
            Arrival::Known => return listeners.hold_back(message),
            Arrival::Missed => {
                self.tell_of_hole(index, channel);
                let Some(found) = self.hub.find(channel) else { return };
                index = found;
                self.hub.listeners_mut(index).goes_on_at(message);
            }
        }
        self.hub.listeners_mut(index).hold_back(message);
        self.hand_over(index, channel, message);
        if self.hub.listeners_mut(index).position().is_some() {
            self.move_those_who_may(index, channel, message);
        }
    }

    /// Publications of a channel may have been lost on their way here.
    pub(super) fn doubt(&mut self, channel: &ChannelName) {
        let Some(index) = self.hub.find(channel) else { return };
        // Those who know more than has come wait for what may never come.
        let ahead = self.hub.listeners_mut(index).ahead();
        self.tell_of_hole(index, channel);
        for (key, at) in ahead {
            self.tell(key, Input::Missed { channel: channel.clone(), at });
        }
        // What came last may be lost, and the stream go on behind an earlier place.
        if let Some(index) = self.hub.find(channel) {
            self.hub.listeners_mut(index).forget_place();
        }
    }

    /// Tells those who listen with positions that they may have missed something.
    fn tell_of_hole(&mut self, index: u32, channel: &ChannelName) {
        let listeners = self.hub.listeners_mut(index);
        let Some(at) = listeners.position().cloned() else { return };
        for key in listeners.following() {
            self.tell(key, Input::Missed { channel: channel.clone(), at: at.clone() });
        }
    }

    fn hand_over(&mut self, index: u32, channel: &ChannelName, message: &Message) {
        let listeners = self.hub.listeners_mut(index);
        let patch = listeners.patch(message);
        let mut given: Vec<(ConnectionKey, Piece)> = Vec::new();
        for group in listeners.groups_mut() {
            if !group.hears(message) {
                continue;
            }
            let frame = match (group.feed, &patch, message) {
                (Feed::Differences, Some(patch), Message::Publication(publication)) => {
                    Frame::Difference(channel.clone(), publication.clone(), patch.clone())
                }
                _ => Frame::Message(channel.clone(), message.clone()),
            };
            let loose = match group.feed {
                Feed::Loose(policy @ (Overflow::DropOldest | Overflow::KeepLatest))
                    if matches!(message, Message::Publication(_)) =>
                {
                    Some((channel.clone(), policy))
                }
                _ => None,
            };
            let piece =
                |&key: &ConnectionKey| (key, Piece { frame: frame.clone(), loose: loose.clone() });
            given.extend(group.members().iter().map(piece));
        }
        for (key, piece) in given {
            self.give_piece(key, piece);
        }
    }

    /// After a publication some listeners stand elsewhere.
    fn move_those_who_may(&mut self, index: u32, channel: &ChannelName, message: &Message) {
        let listeners = self.hub.listeners_mut(index);
        let first = listeners.delivered(message);
        let ahead = listeners.ahead();
        for key in first {
            self.hub.move_on(key, channel);
        }
        for (key, after) in ahead {
            self.release_again(key, channel, &after);
        }
    }
}
