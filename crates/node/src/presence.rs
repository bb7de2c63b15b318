//! Who is in which channel, where there is one node.

use std::sync::Arc;

use trunkline_core::backend::{Backend, BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::ClientInfo;
use trunkline_core::limits::PRESENCE_CLIENTS;
use trunkline_core::presence::{Members, PresenceStats};
use trunkline_core::publication::Message;
use trunkline_core::roster::{Roster, Telling};

use crate::stripes::Striped;

/// The members of every channel, in the memory of this process.
pub struct LocalRoster {
    channels: Striped<ChannelName, Members>,
    backend: Arc<dyn Backend>,
}

impl LocalRoster {
    /// An empty roster that tells who comes and goes through `backend`.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { channels: Striped::default(), backend }
    }
}

/// Whether a coming or going is to be told of, given whether the user was there before or is still.
fn is_told(telling: Telling, info: &ClientInfo, user_there: bool) -> bool {
    match telling {
        Telling::Nothing => false,
        Telling::Connections => true,
        Telling::Users => info.user.is_anonymous() || !user_there,
    }
}

impl Roster for LocalRoster {
    fn enter(&self, channel: &ChannelName, info: &Arc<ClientInfo>, telling: Telling) {
        let mut stripe = self.channels.of(channel);
        let members = stripe.entry(channel.clone()).or_default();
        let there = members.has(&info.user);
        members.join(Arc::clone(info));
        drop(stripe);
        if is_told(telling, info, there) {
            self.backend.announce(channel, Message::Join(Arc::clone(info)));
        }
    }

    fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>, telling: Telling) {
        let mut stripe = self.channels.of(channel);
        let Some(members) = stripe.get_mut(channel) else { return };
        members.leave(info.client);
        let there = members.has(&info.user);
        if members.is_empty() {
            stripe.remove(channel);
        }
        drop(stripe);
        if is_told(telling, info, there) {
            self.backend.announce(channel, Message::Leave(Arc::clone(info)));
        }
    }

    fn members(
        &self,
        channel: &ChannelName,
        done: Completion<Result<Vec<Arc<ClientInfo>>, BackendError>>,
    ) {
        let stripe = self.channels.of(channel);
        let list = stripe.get(channel).map(|members| members.list(PRESENCE_CLIENTS));
        drop(stripe);
        done(Ok(list.unwrap_or_default()));
    }

    fn stats(&self, channel: &ChannelName, done: Completion<Result<PresenceStats, BackendError>>) {
        let stats = self.channels.of(channel).get(channel).map(Members::stats);
        done(Ok(stats.unwrap_or_default()));
    }
}
