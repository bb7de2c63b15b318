//! The listeners of one channel, and how far its stream has come to them.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::channel::ChannelName;
use crate::delta;
use crate::position::{Position, Step};
use crate::publication::Message;

use super::ConnectionKey;
use super::group::{Feed, Group, UNMARKED, Variant};
use super::held::Held;

/// The listeners of one channel.
#[derive(Debug)]
pub struct Listeners {
    pub(super) channel: ChannelName,
    pub(super) groups: SmallVec<[Group; 1]>,
    pub(super) held: Vec<Held>,
    /// How many are parked: they count, and receive nothing.
    pub(super) parked: usize,
    /// The place of the last publication that came, which all who listen with positions know.
    pub(super) position: Option<Position>,
    /// That publication, while somebody receives differences.
    last: Option<Message>,
}

/// What a message is to those who listen with positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one: to be delivered.
    Next,
    /// They have it already: to be dropped.
    Known,
    /// It is not the next one, so that they may have missed some.
    Missed,
}

impl Listeners {
    pub(super) fn new(channel: ChannelName) -> Self {
        Self {
            channel,
            groups: SmallVec::new(),
            held: Vec::new(),
            parked: 0,
            position: None,
            last: None,
        }
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// The place of the last publication that came; `None` in a channel without positions.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Groups that receive messages now.
    pub fn groups_mut(&mut self) -> &mut [Group] {
        &mut self.groups
    }

    /// How many listen or are about to.
    #[must_use]
    pub fn len(&self) -> usize {
        let listening: usize = self.groups.iter().map(|group| group.members.len()).sum();
        self.held.len() + self.parked + listening
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes notice of a message that has come, and says what it is to those who listen with
    /// positions. Where they have missed something, the stream goes on for them behind this message
    /// only after [`Listeners::goes_on_at`].
    pub fn arrive(&mut self, message: &Message) -> Arrival {
        let Message::Publication(publication) = message else { return Arrival::Next };
        // It has no place, so nothing can be missing before it.
        if publication.offset == 0 {
            return Arrival::Next;
        }
        let Some(position) = &mut self.position else {
            if !self.held.is_empty() {
                self.position = Some(publication.position());
            }
            return Arrival::Next;
        };
        match position.step(publication) {
            Step::Next => {
                position.offset = publication.offset;
                position.tag = Some(publication.tag);
                if position.epoch.is_empty() {
                    position.epoch = publication.epoch.clone();
                }
                Arrival::Next
            }
            Step::Known => Arrival::Known,
            Step::Elsewhere => Arrival::Missed,
        }
    }

    /// Makes the place of `message` that of the last publication that came, whatever was before.
    pub fn goes_on_at(&mut self, message: &Message) {
        if let Message::Publication(publication) = message {
            self.position = Some(publication.position());
        }
    }

    /// Forgets the place of the last publication that came, once nobody who listens with positions
    /// stands there any more: whoever is let in next says where the stream goes on, which may be an
    /// earlier place than it had come to.
    pub fn forget_place(&mut self) {
        if self.following().is_empty() {
            self.position = None;
            self.last = None;
        }
    }

    /// Those who listen with positions now.
    #[must_use]
    pub fn following(&self) -> Vec<ConnectionKey> {
        let groups = self.groups.iter().filter(|group| group.feed.has_positions());
        groups.flat_map(|group| group.members.iter().copied()).collect()
    }

    /// Keeps `message` for everyone whose past is still being read.
    pub fn hold_back(&mut self, message: &Message) {
        for held in &mut self.held {
            held.hold_back(message);
        }
    }

    /// Those who know more than has come to this shard, and what they know. After every publication
    /// they are to be [released](super::Hub::release) again.
    #[must_use]
    pub fn ahead(&self) -> Vec<(ConnectionKey, Position)> {
        let ahead = |held: &Held| Some((held.connection, held.ahead.clone()?));
        self.held.iter().filter_map(ahead).collect()
    }

    /// What makes the payload of `message` of the one before it, for those who receive differences;
    /// `None` if nobody does, if there is none before it, or if it would be no smaller.
    #[must_use]
    pub fn patch(&self, message: &Message) -> Option<Vec<u8>> {
        let (Message::Publication(before), Message::Publication(now)) =
            (self.last.as_ref()?, message)
        else {
            return None;
        };
        let follows = before.epoch == now.epoch && before.offset + 1 == now.offset;
        let wanted = |group: &Group| group.feed == Feed::Differences && !group.members.is_empty();
        if !follows || !self.groups.iter().any(wanted) {
            return None;
        }
        delta::diff(&before.data, &now.data)
    }

    /// The payload that [`Listeners::patch`] starts from.
    #[must_use]
    pub fn base(&self) -> Option<Bytes> {
        match self.last.as_ref()? {
            Message::Publication(before) => Some(before.data.clone()),
            Message::Join(_) | Message::Leave(_) => None,
        }
    }

    /// Remembers a publication that was delivered for the differences to come; returns those who
    /// received their first and stand wrong now (see [`Hub::move_on`](super::Hub::move_on)).
    pub fn delivered(&mut self, message: &Message) -> Vec<ConnectionKey> {
        if self.position.is_none() || !matches!(message, Message::Publication(_)) {
            return Vec::new();
        }
        self.last = self.receives_differences().then(|| message.clone());
        let first = self.groups.iter().filter(|group| group.feed == Feed::First);
        first.flat_map(|group| group.members.iter().copied()).collect()
    }

    /// Somebody has left.
    pub(super) fn forget_unneeded(&mut self) {
        if self.last.is_some() && !self.receives_differences() {
            self.last = None;
        }
    }

    fn receives_differences(&self) -> bool {
        let differences = |group: &Group| matches!(group.feed, Feed::First | Feed::Differences);
        self.groups.iter().any(|group| differences(group) && !group.members.is_empty())
    }

    /// Puts a connection into its group; says which, and where in it.
    pub(super) fn join(
        &mut self,
        connection: ConnectionKey,
        variant: Variant,
        feed: Feed,
        joins: bool,
    ) -> (u16, u32) {
        let fits = |g: &Group| g.variant == variant && g.feed == feed && g.joins == joins;
        let index = self.groups.iter().position(fits).unwrap_or_else(|| {
            self.groups.push(Group { variant, feed, joins, mark: UNMARKED, members: Vec::new() });
            self.groups.len() - 1
        });
        let members = &mut self.groups[index].members;
        members.push(connection);
        // Groups are as many as variants and feeds, members as many as sockets.
        (u16::try_from(index).unwrap_or(0), u32::try_from(members.len() - 1).unwrap_or(0))
    }
}

/// Entries a list keeps room for however few it has.
const LIST_KEPT: usize = 64;

/// Gives back most of the room of a list that was long once: a channel that is never without
/// listeners would hold its largest crowd for ever.
pub(super) fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > LIST_KEPT && list.len() < list.capacity() / 4 {
        list.shrink_to(LIST_KEPT.max(list.len() * 2));
    }
}
