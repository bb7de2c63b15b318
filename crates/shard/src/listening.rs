//! From being held to receiving, and back: how connections move in the hub, and what of this turn's
//! batches is theirs when they do.

use trunkline_core::channel::ChannelName;
use trunkline_core::gap::GapReason;
use trunkline_core::hub::{ConnectionKey, Feed, Released, UNMARKED};
use trunkline_core::namespace::Overflow;
use trunkline_core::position::Position;
use trunkline_core::publication::Message;
use trunkline_core::reply::Push;
use trunkline_core::session::Input;

use crate::shard::Shard;
use crate::turn::{OPEN, Stretch};

impl Shard {
    pub(crate) fn attend(&mut self, key: ConnectionKey, channel: &ChannelName) {
        if self.hub.attend(key, channel) {
            self.settings.node.listen(self.index, channel);
        }
    }

    pub(crate) fn listen(
        &mut self,
        key: ConnectionKey,
        channel: &ChannelName,
        joins: bool,
        overflow: Overflow,
    ) {
        let Some(open) = self.connections[key as usize].open() else { return };
        if self.hub.listen(key, channel, open.variant, joins, overflow) {
            self.settings.node.listen(self.index, channel);
        }
        self.skip_what_came_before(key, channel);
    }

    pub(crate) fn hold(
        &mut self,
        key: ConnectionKey,
        channel: &ChannelName,
        joins: bool,
        delta: bool,
    ) {
        self.keep_what_came_before(key, channel);
        let Some(open) = self.connections[key as usize].open() else { return };
        if self.hub.hold(key, channel, open.variant, joins, delta) {
            self.settings.node.listen(self.index, channel);
        }
    }

    /// Lets a held listener receive what comes, if nothing is missing between `after` and that. Else
    /// its session is to be told.
    pub(crate) fn release(&mut self, key: ConnectionKey, channel: &ChannelName, after: &Position) {
        match self.hub.release(key, channel, after) {
            Released::Listening(messages) => {
                let delta = self.feed_of(key, channel) == Some(Feed::First);
                for message in messages {
                    self.hand_alone(key, channel, message, delta);
                }
                self.skip_what_came_before(key, channel);
            }
            Released::Missed => self.missed.push((channel.clone(), after.clone())),
            Released::Ahead | Released::Unknown => {}
        }
    }

    /// Releases a listener again that knew more than had come.
    pub(crate) fn release_again(
        &mut self,
        key: ConnectionKey,
        channel: &ChannelName,
        after: &Position,
    ) {
        self.release(key, channel, after);
        if let Some((channel, at)) = self.missed.pop() {
            self.tell(key, Input::Missed { channel, at });
        }
    }

    /// Lets a listener receive what comes, whatever it has missed, and tells it so.
    pub(crate) fn skip(&mut self, key: ConnectionKey, channel: &ChannelName, reason: GapReason) {
        let Some(position) = self.hub.skip(key, channel) else { return };
        let push = Push::Gap { channel: channel.clone(), reason, position };
        self.count_gaps_of_push(&push);
        self.encode_for(key, |codec, out| codec.encode_push(&push, out));
        self.skip_what_came_before(key, channel);
    }

    pub(crate) fn park(&mut self, key: ConnectionKey, channel: &ChannelName) {
        self.keep_what_came_before(key, channel);
        self.hub.park(key, channel);
        self.counters().parked.add(1);
        let most = self.settings.node.limits.outbound_bytes;
        if let Some(queue) = &mut self.connections[key as usize].queue
            && queue.bytes > most
        {
            // Of the stream nothing is added; what else comes may wait as ever.
            queue.allowance = queue.bytes;
        }
    }

    pub(crate) fn unlisten(&mut self, key: ConnectionKey, channel: &ChannelName) {
        self.keep_what_came_before(key, channel);
        if self.hub.unlisten(key, channel) == Some(true) {
            self.settings.node.unlisten(self.index, channel);
        }
    }

    /// Moves a listener that has received its first publication in this turn to those who receive
    /// differences.
    pub(crate) fn move_on(&mut self, key: ConnectionKey, channel: &ChannelName) {
        self.keep_what_came_before(key, channel);
        self.hub.move_on(key, channel);
        self.skip_what_came_before(key, channel);
    }

    /// What the channel gained so far in this turn stays that of a listener that leaves its group.
    fn keep_what_came_before(&mut self, key: ConnectionKey, channel: &ChannelName) {
        if let Some(batch) = self.batch_of(key, channel) {
            self.end_stretch(key, batch);
        }
    }

    /// A new member of a group is not to receive what the group gained earlier in this turn.
    fn skip_what_came_before(&mut self, key: ConnectionKey, channel: &ChannelName) {
        if let Some(batch) = self.batch_of(key, channel) {
            let stretch = Stretch { batch, start: self.turn.len(batch), end: OPEN };
            self.give(key, stretch);
        }
    }

    /// The batch of the group a connection stands in, if the group gained something in this turn.
    fn batch_of(&mut self, key: ConnectionKey, channel: &ChannelName) -> Option<u32> {
        let (listeners, group) = self.hub.group_of(key, channel)?;
        let mark = self.hub.group_mut(listeners, group)?.mark;
        (mark != UNMARKED).then_some(mark)
    }

    fn feed_of(&mut self, key: ConnectionKey, channel: &ChannelName) -> Option<Feed> {
        let (listeners, group) = self.hub.group_of(key, channel)?;
        self.hub.group_mut(listeners, group).map(|group| group.feed)
    }

    fn hand_alone(
        &mut self,
        key: ConnectionKey,
        channel: &ChannelName,
        message: Message,
        delta: bool,
    ) {
        let push = Push::Message { channel: channel.clone(), message, delta };
        self.encode_for(key, |codec, out| codec.encode_push(&push, out));
        self.counters().deliveries.add(1);
    }
}
