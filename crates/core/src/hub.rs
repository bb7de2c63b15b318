//! Who listens to what on one shard.
//!
//! The listeners of a channel stand in groups of those that receive the very same bytes, so that
//! a message is encoded once per group and a delivery is a walk over a list of numbers. A
//! listener whose past is still being read stands apart, and what arrives meanwhile is held for
//! it.

use std::collections::HashMap;
use std::sync::Arc;

use slab::Slab;
use smallvec::SmallVec;

use crate::channel::ChannelName;
use crate::codec::CodecId;
use crate::limits::JOINING_BUFFER;
use crate::publication::Message;

/// The number a shard knows a connection by.
pub type ConnectionKey = u32;

/// [`Group::mark`] of a group that nothing was marked on.
pub const UNMARKED: u32 = u32::MAX;

/// What decides the bytes a listener receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variant {
    /// The codec.
    pub codec: CodecId,
    /// The window, in bits, of the compression that was negotiated; 0 for none.
    pub window_bits: u8,
}

/// Listeners that receive the same bytes.
#[derive(Debug)]
pub struct Group {
    /// What they receive.
    pub variant: Variant,
    /// Whether they hear who comes and goes.
    pub joins: bool,
    /// A number the owner of the hub keeps here between two calls, [`UNMARKED`] at first.
    pub mark: u32,
    members: Vec<ConnectionKey>,
}

impl Group {
    /// The connections in it.
    #[must_use]
    pub fn members(&self) -> &[ConnectionKey] {
        &self.members
    }

    /// Whether its members are to hear `message`.
    #[must_use]
    pub fn hears(&self, message: &Message) -> bool {
        self.joins || matches!(message, Message::Publication(_))
    }
}

/// A listener whose past is being read, and what came meanwhile.
#[derive(Debug)]
struct Held {
    connection: ConnectionKey,
    variant: Variant,
    joins: bool,
    messages: Vec<Arc<Message>>,
}

/// The listeners of one channel.
#[derive(Debug)]
pub struct Listeners {
    channel: ChannelName,
    groups: SmallVec<[Group; 1]>,
    held: Vec<Held>,
}

impl Listeners {
    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Groups that receive messages now.
    pub fn groups_mut(&mut self) -> &mut [Group] {
        &mut self.groups
    }

    /// Keeps `message` for everyone whose past is still being read. A buffer that is full stays
    /// one longer than it may, which [`Hub::release`] recognises.
    pub fn hold_back(&mut self, message: &Arc<Message>) {
        for held in &mut self.held {
            let audible = held.joins || matches!(**message, Message::Publication(_));
            if audible && held.messages.len() <= JOINING_BUFFER {
                held.messages.push(Arc::clone(message));
            }
        }
    }

    /// How many listen or are about to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len() + self.groups.iter().map(|group| group.members.len()).sum::<usize>()
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn join(&mut self, connection: ConnectionKey, variant: Variant, joins: bool) -> (u16, u32) {
        let fits = |group: &Group| group.variant == variant && group.joins == joins;
        let index = self.groups.iter().position(fits).unwrap_or_else(|| {
            self.groups.push(Group { variant, joins, mark: UNMARKED, members: Vec::new() });
            self.groups.len() - 1
        });
        let members = &mut self.groups[index].members;
        members.push(connection);
        (u16::try_from(index).unwrap_or(HELD), u32::try_from(members.len() - 1).unwrap_or(0))
    }
}

/// Entries a list keeps room for however few it has.
const LIST_KEPT: usize = 64;

/// Gives back most of the room of a list that was long once: a channel that is never without
/// listeners would hold its largest crowd for ever.
fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > LIST_KEPT && list.len() < list.capacity() / 4 {
        list.shrink_to(LIST_KEPT.max(list.len() * 2));
    }
}

/// Where a connection stands in a channel.
#[derive(Clone, Copy, Debug)]
struct Membership {
    listeners: u32,
    slot: u32,
    group: u16,
}

/// `Membership::group` of a held listener. Groups are as many as variants, far below this.
const HELD: u16 = u16::MAX;

/// What came of a listener that was released.
#[derive(Debug, PartialEq, Eq)]
pub enum Released {
    /// It listens now; these came while it was held.
    Listening(Vec<Arc<Message>>),
    /// More came than may be held; it is held no longer and does not listen.
    Overflowed {
        /// Whether the channel has no listener left.
        last: bool,
    },
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

    /// Lets a connection listen; says whether it is the channel's first. The connection must not
    /// listen to the channel yet.
    pub fn listen(
        &mut self,
        connection: ConnectionKey,
        channel: &ChannelName,
        variant: Variant,
        joins: bool,
    ) -> bool {
        let (index, first) = self.enter(channel);
        let (group, slot) = self.listeners[index as usize].join(connection, variant, joins);
        self.remember(connection, Membership { listeners: index, slot, group });
        first
    }

    /// Lets a connection listen, but holds back what comes until [`Hub::release`]; says whether it
    /// is the channel's first.
    pub fn hold(
        &mut self,
        connection: ConnectionKey,
        channel: &ChannelName,
        variant: Variant,
        joins: bool,
    ) -> bool {
        let (index, first) = self.enter(channel);
        let held = Held { connection, variant, joins, messages: Vec::new() };
        self.listeners[index as usize].held.push(held);
        self.remember(connection, Membership { listeners: index, slot: 0, group: HELD });
        first
    }

    /// Ends the holding of a listener: from now on it stands in its group.
    pub fn release(&mut self, connection: ConnectionKey, channel: &ChannelName) -> Released {
        let Some(index) = self.find(channel) else { return Released::Unknown };
        let listeners = &mut self.listeners[index as usize];
        let Some(at) = listeners.held.iter().position(|held| held.connection == connection) else {
            return Released::Unknown;
        };
        let held = listeners.held.swap_remove(at);
        give_back(&mut listeners.held);
        if held.messages.len() > JOINING_BUFFER {
            self.forget(connection, index);
            return Released::Overflowed { last: self.leave_if_empty(index) };
        }
        let (group, slot) = listeners.join(connection, held.variant, held.joins);
        for membership in &mut self.memberships[connection as usize] {
            if membership.listeners == index {
                *membership = Membership { listeners: index, slot, group };
            }
        }
        Released::Listening(held.messages)
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
        let memberships = self.memberships.get(connection as usize)?;
        let membership = memberships.iter().find(|m| m.listeners == index)?;
        (membership.group != HELD).then(|| (index, usize::from(membership.group)))
    }

    /// Ends a connection's listening; says whether it was the channel's last, or `None` when it
    /// did not listen.
    pub fn unlisten(&mut self, connection: ConnectionKey, channel: &ChannelName) -> Option<bool> {
        let index = self.find(channel)?;
        let membership = self.forget(connection, index)?;
        let listeners = &mut self.listeners[index as usize];
        if membership.group == HELD {
            listeners.held.retain(|held| held.connection != connection);
            give_back(&mut listeners.held);
        } else {
            let members = &mut listeners.groups[usize::from(membership.group)].members;
            members.swap_remove(membership.slot as usize);
            if let Some(&moved) = members.get(membership.slot as usize) {
                for other in &mut self.memberships[moved as usize] {
                    if other.listeners == index {
                        other.slot = membership.slot;
                    }
                }
            }
            give_back(members);
        }
        Some(self.leave_if_empty(index))
    }

    /// Finds or makes the listeners of a channel; says whether they are new.
    fn enter(&mut self, channel: &ChannelName) -> (u32, bool) {
        if let Some(&index) = self.by_name.get(channel) {
            return (index, false);
        }
        let index = self.listeners.insert(Listeners {
            channel: channel.clone(),
            groups: SmallVec::new(),
            held: Vec::new(),
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.by_name.insert(channel.clone(), index);
        (index, true)
    }

    fn leave_if_empty(&mut self, index: u32) -> bool {
        let empty = self.listeners[index as usize].is_empty();
        if empty {
            let listeners = self.listeners.remove(index as usize);
            self.by_name.remove(&listeners.channel);
        }
        empty
    }

    fn remember(&mut self, connection: ConnectionKey, membership: Membership) {
        let at = connection as usize;
        if self.memberships.len() <= at {
            self.memberships.resize_with(at + 1, SmallVec::new);
        }
        self.memberships[at].push(membership);
    }

    fn forget(&mut self, connection: ConnectionKey, index: u32) -> Option<Membership> {
        let memberships = self.memberships.get_mut(connection as usize)?;
        let at = memberships.iter().position(|m| m.listeners == index)?;
        let membership = memberships.swap_remove(at);
        if memberships.is_empty() {
            // Gives back what a connection with many channels had spilt.
            *memberships = SmallVec::new();
        }
        Some(membership)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::identity::{ClientId, ClientInfo, UserId};

    const JSON: Variant = Variant { codec: CodecId(0), window_bits: 0 };
    const PROTOBUF: Variant = Variant { codec: CodecId(1), window_bits: 0 };

    fn channel(text: &str) -> ChannelName {
        ChannelName::parse(text).unwrap()
    }

    fn join() -> Arc<Message> {
        Arc::new(Message::Join(ClientInfo {
            user: UserId::default(),
            client: ClientId(1),
            conn_info: None,
            chan_info: None,
        }))
    }

    fn members(hub: &mut Hub, name: &str) -> Vec<Vec<ConnectionKey>> {
        let Some(index) = hub.find(&channel(name)) else { return Vec::new() };
        hub.listeners_mut(index).groups_mut().iter().map(|g| g.members().to_vec()).collect()
    }

    #[test]
    fn first_and_last_listener_are_told() {
        let mut hub = Hub::default();
        assert!(hub.listen(1, &channel("a"), JSON, false));
        assert!(!hub.listen(2, &channel("a"), JSON, false));
        assert_eq!(hub.unlisten(1, &channel("a")), Some(false));
        assert_eq!(hub.unlisten(1, &channel("a")), None);
        assert_eq!(hub.unlisten(2, &channel("a")), Some(true));
        assert!(hub.listen(2, &channel("a"), JSON, false));
    }

    #[test]
    fn those_who_receive_the_same_bytes_stand_together() {
        let mut hub = Hub::default();
        for (connection, variant, joins) in
            [(1, JSON, false), (2, PROTOBUF, false), (3, JSON, false), (4, JSON, true)]
        {
            hub.listen(connection, &channel("a"), variant, joins);
        }
        assert_eq!(members(&mut hub, "a"), [vec![1, 3], vec![2], vec![4]]);
    }

    #[test]
    fn a_held_listener_gets_what_came_meanwhile() {
        let mut hub = Hub::default();
        hub.hold(1, &channel("a"), JSON, true);
        hub.hold(2, &channel("a"), JSON, false);
        let index = hub.find(&channel("a")).unwrap();
        hub.listeners_mut(index).hold_back(&join());
        assert_eq!(hub.release(1, &channel("a")), Released::Listening(vec![join()]));
        assert_eq!(hub.release(2, &channel("a")), Released::Listening(vec![]), "hears no joins");
        assert_eq!(hub.release(2, &channel("a")), Released::Unknown);
        assert_eq!(members(&mut hub, "a"), [vec![1], vec![2]]);
    }

    #[test]
    fn a_channel_too_fast_for_its_history_gives_up_on_the_listener() {
        let mut hub = Hub::default();
        hub.hold(1, &channel("a"), JSON, true);
        let index = hub.find(&channel("a")).unwrap();
        for _ in 0..2 * JOINING_BUFFER {
            hub.listeners_mut(index).hold_back(&join());
        }
        assert_eq!(hub.release(1, &channel("a")), Released::Overflowed { last: true });
        assert_eq!(hub.find(&channel("a")), None);
        assert_eq!(hub.unlisten(1, &channel("a")), None);
    }

    proptest! {
        /// Whatever happens, the hub agrees with a set of pairs.
        #[test]
        fn agrees_with_a_naive_model(steps in proptest::collection::vec((0u8..4, 0u32..6, 0usize..3), 0..200)) {
            let names = ["a", "b", "c"].map(channel);
            let mut hub = Hub::default();
            let mut model: BTreeSet<(u32, usize)> = BTreeSet::new();
            let mut held: BTreeSet<(u32, usize)> = BTreeSet::new();
            for (step, connection, name) in steps {
                let known = model.contains(&(connection, name));
                let alone = !model.iter().any(|&(_, n)| n == name);
                match step {
                    0 if !known => {
                        prop_assert_eq!(hub.listen(connection, &names[name], JSON, false), alone);
                        model.insert((connection, name));
                    }
                    1 if !known => {
                        prop_assert_eq!(hub.hold(connection, &names[name], PROTOBUF, false), alone);
                        model.insert((connection, name));
                        held.insert((connection, name));
                    }
                    2 => {
                        let was_held = held.remove(&(connection, name));
                        let released = hub.release(connection, &names[name]);
                        prop_assert_eq!(was_held, released == Released::Listening(vec![]));
                    }
                    3 => {
                        model.remove(&(connection, name));
                        held.remove(&(connection, name));
                        let last = known && !model.iter().any(|&(_, n)| n == name);
                        prop_assert_eq!(hub.unlisten(connection, &names[name]), known.then_some(last));
                    }
                    _ => {}
                }
                for (n, name) in names.iter().enumerate() {
                    let listening: BTreeSet<u32> = match hub.find(name) {
                        Some(index) => hub.listeners_mut(index).groups_mut().iter()
                            .flat_map(|group| group.members().to_vec()).collect(),
                        None => BTreeSet::new(),
                    };
                    let expected: BTreeSet<u32> = model.difference(&held)
                        .filter(|&&(_, m)| m == n).map(|&(c, _)| c).collect();
                    prop_assert_eq!(listening, expected);
                }
            }
        }
    }
}
