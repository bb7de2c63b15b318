//! Which shards want to hear which channel.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use trunkline_core::backend::Sink;
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::SHARDS;
use trunkline_core::publication::Message;
use trunkline_core::signal::Signal;

use crate::event::Event;
use crate::mailbox::Mailbox;
use crate::stripes::Striped;

/// Hands each message to every shard with a listener, once.
pub struct Switchboard {
    mailboxes: Vec<Arc<Mailbox<Event>>>,
    /// A bit per shard.
    interest: Striped<ChannelName, u64>,
    ear: OnceLock<Ear>,
    tap: OnceLock<Tap>,
}

/// Channels that the node itself listens to, and who is told that something came there.
struct Tap {
    channels: HashSet<ChannelName>,
    tell: Box<dyn Fn(&ChannelName) + Send + Sync>,
}

/// Who hears what other nodes say. Must not block.
pub type Ear = Box<dyn Fn(Signal) + Send + Sync>;

impl Switchboard {
    /// A switchboard for the shards behind `mailboxes`, at most [`SHARDS`].
    #[must_use]
    pub fn new(mailboxes: Vec<Arc<Mailbox<Event>>>) -> Self {
        debug_assert!(mailboxes.len() <= SHARDS, "interest is kept as a mask of that many bits");
        Self { mailboxes, interest: Striped::default(), ear: OnceLock::new(), tap: OnceLock::new() }
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

    /// A shard has lost its last listener of a channel; says whether nobody listens now.
    pub fn unlisten(&self, shard: usize, channel: &ChannelName) -> bool {
        let mut stripe = self.interest.of(channel);
        let Some(mask) = stripe.get_mut(channel) else { return !self.taps(channel) };
        *mask &= !(1 << shard);
        let nobody = *mask == 0;
        if nobody {
            stripe.remove(channel);
        }
        nobody && !self.taps(channel)
    }

    /// Whether anybody listens to a channel.
    #[must_use]
    pub fn wants(&self, channel: &ChannelName) -> bool {
        self.taps(channel) || self.interest.of(channel).contains_key(channel)
    }

    /// Tells `tell`, from now on, whenever something has come in one of these channels, or may have.
    /// It must not block, nor ask the backend for anything. There is one tap; a second one hears
    /// nothing.
    pub(crate) fn tap(
        &self,
        channels: HashSet<ChannelName>,
        tell: Box<dyn Fn(&ChannelName) + Send + Sync>,
    ) {
        let _ = self.tap.set(Tap { channels, tell }); // There was one already.
    }

    fn taps(&self, channel: &ChannelName) -> bool {
        self.tap.get().is_some_and(|tap| tap.channels.contains(channel))
    }

    /// Hands what other nodes say to `ear` from now on. Before that it is lost, as if this node had
    /// come later. There is one ear; a second one hears nothing.
    pub fn hand_signals_to(&self, ear: Ear) {
        let _ = self.ear.set(ear); // There was one already.
    }

    fn tell_shards(&self, channel: &ChannelName, event: impl Fn() -> Event) {
        if let Some(tap) = self.tap.get().filter(|tap| tap.channels.contains(channel)) {
            (tap.tell)(channel);
        }
        let Some(mut mask) = self.interest.of(channel).get(channel).copied() else { return };
        while mask != 0 {
            let shard = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            self.mailboxes[shard].push(event());
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
        self.tell_shards(channel, || Event::Deliver {
            channel: channel.clone(),
            message: message.clone(),
        });
    }

    fn doubt(&self, channel: &ChannelName) {
        self.tell_shards(channel, || Event::Doubt { channel: channel.clone() });
    }

    fn receive(&self, signal: Signal) {
        if let Some(ear) = self.ear.get() {
            ear(signal);
        }
    }

    fn overloaded(&self) -> bool {
        self.mailboxes.iter().any(|mailbox| mailbox.is_full())
    }
}
