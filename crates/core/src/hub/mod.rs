//! Who listens to what on one shard.
//!
//! The listeners of a channel stand in [groups](Group) of those that receive the very same bytes,
//! so that a message is encoded once per group and a delivery is a walk over a list of numbers. A
//! listener whose past is still being read is held: it stands apart, and what arrives meanwhile is
//! kept for it. One that is parked counts as a listener and receives nothing.
//!
//! The hub knows how far each stream has come, and lets those who listen with positions have each
//! publication only behind the one before it.

mod group;
mod held;
mod listeners;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use slab::Slab;
use smallvec::SmallVec;

use crate::channel::ChannelName;
use crate::namespace::Overflow;
use crate::position::Position;
use crate::publication::Message;

pub use self::group::{Feed, Group, UNMARKED, Variant};
pub use self::listeners::{Arrival, Listeners};

use self::held::Held;
use self::listeners::give_back;

/// The number a shard knows a connection by.
pub type ConnectionKey = u32;

/// Where a connection stands in a channel.
#[derive(Clone, Copy, Debug)]
struct Membership {
    listeners: u32,
    slot: u32,
    group: u16,
}

/// `Membership::group` of a held listener. Groups are as many as variants, far below this.
const HELD: u16 = u16::MAX;

/// `Membership::group` of a parked one.
const PARKED: u16 = u16::MAX - 1;

impl Membership {
    /// Whether it receives messages.
    fn listens(self) -> bool {
        self.group != HELD && self.group != PARKED
    }
}

/// What came of a listener that was released.
#[derive(Debug, PartialEq, Eq)]
pub enum Released {
    /// It listens now; these came while it was held and are new to it.
    Listening(Vec<Message>),
    /// It knows more of the stream than has come to this shard, and stays held until that has come.
    Ahead,
    /// What was held for it is not all it has missed. It is parked.
    Missed,
    /// There was no such listener.
    Unknown,
}

/// Who listens to what.
#[derive(Debug, Default)]
pub struct Hub {
    by_name: HashMap<ChannelName, u32>,
    listeners: Slab<Listeners>,
    memberships: Vec<SmallVec<[Membership; 1]>>,
}

impl Hub {
    /// The shared name of a channel that somebody listens to.
    #[must_use]
    pub fn name(&self, text: &str) -> Option<ChannelName> {
        let &index = self.by_name.get(text)?;
        Some(self.listeners[index as usize].channel.clone())
    }

    /// Index of the listeners of a channel, valid until the channel loses its last one.
    #[must_use]
    pub fn find(&self, channel: &ChannelName) -> Option<u32> {
        self.by_name.get(channel).copied()
    }

    /// The listeners at an index given by [`Hub::find`].
    pub fn listeners_mut(&mut self, index: u32) -> &mut Listeners {
        &mut self.listeners[index as usize]
    }

    /// A group, if it is still there: an index is used again after the channel has lost its last
    /// listener.
    pub fn group_mut(&mut self, listeners: u32, group: usize) -> Option<&mut Group> {
        self.listeners.get_mut(listeners as usize)?.groups.get_mut(group)
    }

    /// All channels somebody listens to.
    pub fn channels(&self) -> impl Iterator<Item = &Listeners> {
        self.listeners.iter().map(|(_, listeners)| listeners)
    }

    /// How many channels somebody listens to.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.listeners.len()
    }

    /// The index of the listeners and of the group a connection stands in, if it receives messages
    /// of the channel now.
    #[must_use]
    pub fn group_of(
        &self,
        connection: ConnectionKey,
        channel: &ChannelName,
    ) -> Option<(u32, usize)> {
        let index = self.find(channel)?;
        let membership = self.membership(connection, index)?;
        membership.listens().then(|| (index, usize::from(membership.group)))
    }

    /// How far a listener with positions has been given the channel's stream; `None` if it is being
    /// read for it, and for those without.
    #[must_use]
    pub fn position_of(
        &self,
        connection: ConnectionKey,
        channel: &ChannelName,
    ) -> Option<Position> {
        let index = self.find(channel)?;
        let membership = self.membership(connection, index)?;
        let listeners = &self.listeners[index as usize];
        match membership.group {
            PARKED => None,
            HELD => {
                let held = listeners.held.iter().find(|held| held.connection == connection)?;
                held.ahead.clone()
            }
            group => {
                let feed = listeners.groups[usize::from(group)].feed;
                listeners.position.clone().filter(|_| feed.has_positions())
            }
        }
    }

    /// Counts a connection as a listener of a channel that is given nothing of it yet; says whether
    /// it is the channel's first.
    pub fn attend(&mut self, connection: ConnectionKey, channel: &ChannelName) -> bool {
        let (index, first) = self.enter(channel);
        self.step_out(connection, index);
        self.listeners[index as usize].parked += 1;
        self.stand(connection, Membership { listeners: index, slot: 0, group: PARKED });
        first
    }

    /// Lets a connection listen to a channel without positions; says whether it is the channel's
    /// first.
    pub fn listen(
        &mut self,
        connection: ConnectionKey,
        channel: &ChannelName,
        variant: Variant,
        joins: bool,
        overflow: Overflow,
    ) -> bool {
        let (index, first) = self.enter(channel);
        self.step_out(connection, index);
        let listeners = &mut self.listeners[index as usize];
        let (group, slot) = listeners.join(connection, variant, Feed::Loose(overflow), joins);
        self.stand(connection, Membership { listeners: index, slot, group });
        first
    }

    /// Holds back what comes of a channel with positions until [`Hub::release`], from now on;
    /// whatever was held for the connection before is forgotten. Says whether it is the channel's
    /// first.
    pub fn hold(
        &mut self,
        connection: ConnectionKey,
        channel: &ChannelName,
        variant: Variant,
        joins: bool,
        delta: bool,
    ) -> bool {
        let (index, first) = self.enter(channel);
        self.step_out(connection, index);
        let held = Held::new(connection, variant, joins, delta);
        self.listeners[index as usize].held.push(held);
        self.stand(connection, Membership { listeners: index, slot: 0, group: HELD });
        first
    }

    /// Ends the holding of a listener that knows the stream up to `after`: from now on it stands in
    /// its group, if nothing is missing between there and here.
    pub fn release(
        &mut self,
        connection: ConnectionKey,
        channel: &ChannelName,
        after: &Position,
    ) -> Released {
        let Some(index) = self.find(channel) else { return Released::Unknown };
        let listeners = &mut self.listeners[index as usize];
        let Some(at) = listeners.held.iter().position(|held| held.connection == connection) else {
            return Released::Unknown;
        };
        let Some((messages, end)) = listeners.held[at].beyond(after) else {
            self.park(connection, channel);
            return Released::Missed;
        };
        let here = listeners.position.get_or_insert_with(|| end.clone());
        let same = here.epoch == end.epoch;
        if same && here.offset > end.offset {
            self.park(connection, channel);
            return Released::Missed;
        }
        if !same || here.offset < end.offset {
            listeners.held[at].ahead = Some(after.clone());
            return Released::Ahead;
        }
        let Held { variant, joins, .. } = listeners.held[at];
        let feed = listeners.held[at].feed();
        self.step_out(connection, index);
        let (group, slot) = self.listeners[index as usize].join(connection, variant, feed, joins);
        self.stand(connection, Membership { listeners: index, slot, group });
        Released::Listening(messages)
    }

    /// Ends the holding of a listener at the place of the last publication that came, and returns
    /// that place. What was held for it is lost to it.
    pub fn skip(&mut self, connection: ConnectionKey, channel: &ChannelName) -> Option<Position> {
        let index = self.find(channel)?;
        let listeners = &self.listeners[index as usize];
        let here = listeners.position.clone()?;
        let held = listeners.held.iter().find(|held| held.connection == connection)?;
        let (variant, joins, feed) = (held.variant, held.joins, held.feed());
        self.step_out(connection, index);
        let (group, slot) = self.listeners[index as usize].join(connection, variant, feed, joins);
        self.stand(connection, Membership { listeners: index, slot, group });
        Some(here)
    }

    /// Lets a listener stand aside: it receives nothing until it is [held](Hub::hold) again.
    pub fn park(&mut self, connection: ConnectionKey, channel: &ChannelName) {
        let Some(index) = self.find(channel) else { return };
        if self.step_out(connection, index).is_some() {
            self.listeners[index as usize].parked += 1;
            self.stand(connection, Membership { listeners: index, slot: 0, group: PARKED });
        }
    }

    /// Moves a listener that has received its first publication to those who receive differences.
    pub fn move_on(&mut self, connection: ConnectionKey, channel: &ChannelName) {
        let Some((index, group)) = self.group_of(connection, channel) else { return };
        let Group { variant, feed, joins, .. } = self.listeners[index as usize].groups[group];
        if feed != Feed::First {
            return;
        }
        self.step_out(connection, index);
        let listeners = &mut self.listeners[index as usize];
        let (group, slot) = listeners.join(connection, variant, Feed::Differences, joins);
        self.stand(connection, Membership { listeners: index, slot, group });
    }

    /// Ends a connection's listening; says whether it was the channel's last, or `None` when it
    /// did not listen.
    pub fn unlisten(&mut self, connection: ConnectionKey, channel: &ChannelName) -> Option<bool> {
        let index = self.find(channel)?;
        self.step_out(connection, index)?;
        let listeners = &mut self.listeners[index as usize];
        listeners.forget_unneeded();
        let empty = listeners.is_empty();
        if empty {
            self.listeners.remove(index as usize);
            self.by_name.remove(channel);
        }
        Some(empty)
    }

    /// Finds or makes the listeners of a channel; says whether they are new.
    fn enter(&mut self, channel: &ChannelName) -> (u32, bool) {
        if let Some(&index) = self.by_name.get(channel) {
            return (index, false);
        }
        let index = self.listeners.insert(Listeners::new(channel.clone()));
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.by_name.insert(channel.clone(), index);
        (index, true)
    }

    fn membership(&self, connection: ConnectionKey, index: u32) -> Option<Membership> {
        let memberships = self.memberships.get(connection as usize)?;
        memberships.iter().find(|membership| membership.listeners == index).copied()
    }

    /// Notes where a connection stands.
    fn stand(&mut self, connection: ConnectionKey, membership: Membership) {
        let at = connection as usize;
        if self.memberships.len() <= at {
            self.memberships.resize_with(at + 1, SmallVec::new);
        }
        self.memberships[at].push(membership);
    }

    /// Takes a connection from where it stands in a channel, which may be left with nobody.
    fn step_out(&mut self, connection: ConnectionKey, index: u32) -> Option<()> {
        let memberships = self.memberships.get_mut(connection as usize)?;
        let at = memberships.iter().position(|m| m.listeners == index)?;
        let Membership { slot, group, .. } = memberships.swap_remove(at);
        if memberships.is_empty() {
            // Gives back what a connection with many channels had spilt.
            *memberships = SmallVec::new();
        }
        let listeners = &mut self.listeners[index as usize];
        match group {
            PARKED => listeners.parked -= 1,
            HELD => {
                listeners.held.retain(|held| held.connection != connection);
                give_back(&mut listeners.held);
            }
            group => {
                let members = &mut listeners.groups[usize::from(group)].members;
                members.swap_remove(slot as usize);
                if let Some(&moved) = members.get(slot as usize) {
                    for other in &mut self.memberships[moved as usize] {
                        if other.listeners == index {
                            other.slot = slot;
                        }
                    }
                }
                give_back(members);
            }
        }
        Some(())
    }
}
