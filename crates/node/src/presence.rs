//! Who is in which channel of this node.

use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, ClientInfo};
use trunkline_core::limits::PRESENCE_CLIENTS;
use trunkline_core::presence::{Members, PresenceStats};

use crate::stripes::Striped;

/// The members of every channel that has presence.
#[derive(Default)]
pub struct Presence {
    channels: Striped<ChannelName, Members>,
}

impl Presence {
    /// A connection is in a channel.
    pub fn join(&self, channel: &ChannelName, info: Arc<ClientInfo>) {
        self.channels.of(channel).entry(channel.clone()).or_default().join(info);
    }

    /// A connection has left a channel.
    pub fn leave(&self, channel: &ChannelName, client: ClientId) {
        let mut stripe = self.channels.of(channel);
        if let Some(members) = stripe.get_mut(channel) {
            members.leave(client);
            if members.is_empty() {
                stripe.remove(channel);
            }
        }
    }

    /// The connections in a channel, [`PRESENCE_CLIENTS`] of them at most.
    #[must_use]
    pub fn list(&self, channel: &ChannelName) -> Vec<Arc<ClientInfo>> {
        let stripe = self.channels.of(channel);
        stripe.get(channel).map(|members| members.list(PRESENCE_CLIENTS)).unwrap_or_default()
    }

    /// How many are in a channel.
    #[must_use]
    pub fn stats(&self, channel: &ChannelName) -> PresenceStats {
        self.channels.of(channel).get(channel).map(Members::stats).unwrap_or_default()
    }
}
