//! Which shards want to hear which channel.

use std::sync::Arc;

use trunkline_core::backend::Sink;
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::SHARDS;
use trunkline_core::publication::Message;

use crate::event::Event;
use crate::mailbox::Mailbox;
use crate::stripes::Striped;

/// Hands each message to every shard with a listener, once.
pub struct Switchboard {
    mailboxes: Vec<Arc<Mailbox<Event>>>,
    /// A bit per shard.
    interest: Striped<ChannelName, u64>,
}

impl Switchboard {
    /// A switchboard for the shards behind `mailboxes`, at most [`SHARDS`].
    #[must_use]
    pub fn new(mailboxes: Vec<Arc<Mailbox<Event>>>) -> Self {
        debug_assert!(mailboxes.len() <= SHARDS, "interest is kept as a mask of that many bits");
        Self { mailboxes, interest: Striped::default() }
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.mailboxes.len()
    }

    /// A shard has its first listener of a channel.
    pub fn listen(&self, shard: usize, channel: &ChannelName) {
        *self.interest.of(channel).entry(channel.clone()).or_insert(0) |= 1 << shard;
    }

    /// A shard has lost its last listener of a channel.
    pub fn unlisten(&self, shard: usize, channel: &ChannelName) {
        let mut stripe = self.interest.of(channel);
        if let Some(mask) = stripe.get_mut(channel) {
            *mask &= !(1 << shard);
            if *mask == 0 {
                stripe.remove(channel);
            }
        }
    }

    /// Channels with listeners.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.interest.len()
    }

    /// Gives every shard its own event.
    pub fn broadcast(&self, event: impl Fn() -> Event) {
        for mailbox in &self.mailboxes {
            mailbox.push(event());
        }
    }

    /// The way into one shard.
    #[must_use]
    pub fn mailbox(&self, shard: usize) -> &Arc<Mailbox<Event>> {
        &self.mailboxes[shard]
    }
}

impl Sink for Switchboard {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        let Some(mut mask) = self.interest.of(channel).get(channel).copied() else { return };
        while mask != 0 {
            let shard = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let (channel, message) = (channel.clone(), message.clone());
            self.mailboxes[shard].push(Event::Deliver { channel, message });
        }
    }

    fn overloaded(&self) -> bool {
        self.mailboxes.iter().any(|mailbox| mailbox.is_full())
    }
}
