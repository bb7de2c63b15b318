//! Who is in which channel, over all nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, ClientInfo};
use trunkline_core::limits::PRESENCE_CLIENTS;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::Message;
use trunkline_core::roster::Telling;
use trunkline_core::signal::NodeId;

struct Member {
    node: NodeId,
    info: Arc<ClientInfo>,
    telling: Telling,
}

/// The members of every channel, in the order of their ids.
#[derive(Default)]
pub(crate) struct Presence {
    channels: BTreeMap<ChannelName, BTreeMap<ClientId, Member>>,
}

/// Whether a coming or going is told of, given whether the user was there before or is still.
fn is_told(telling: Telling, info: &ClientInfo, user_there: bool) -> bool {
    match telling {
        Telling::Nothing => false,
        Telling::Connections => true,
        Telling::Users => info.user.is_anonymous() || !user_there,
    }
}

impl Presence {
    /// Adds a connection; gives what the channel is to be told.
    pub(crate) fn enter(
        &mut self,
        node: &NodeId,
        channel: &ChannelName,
        info: Arc<ClientInfo>,
        telling: Telling,
    ) -> Option<Message> {
        let members = self.channels.entry(channel.clone()).or_default();
        let there = members.values().any(|member| member.info.user == info.user);
        let told = is_told(telling, &info, there).then(|| Message::Join(Arc::clone(&info)));
        members.insert(info.client, Member { node: node.clone(), info, telling });
        told
    }

    /// Removes a connection of a node; gives what the channel is to be told.
    pub(crate) fn exit(
        &mut self,
        node: &NodeId,
        channel: &ChannelName,
        client: ClientId,
    ) -> Option<Message> {
        let members = self.channels.get_mut(channel)?;
        if members.get(&client)?.node != *node {
            return None;
        }
        let Member { info, telling, .. } = members.remove(&client)?;
        let there = members.values().any(|member| member.info.user == info.user);
        if members.is_empty() {
            self.channels.remove(channel);
        }
        is_told(telling, &info, there).then_some(Message::Leave(info))
    }

    /// Removes all connections of a node; gives what the channels are to be told, in order.
    pub(crate) fn expire(&mut self, node: &NodeId) -> Vec<(ChannelName, Message)> {
        let mut gone = Vec::new();
        for (channel, members) in &self.channels {
            let of_node = members.values().filter(|member| member.node == *node);
            gone.extend(of_node.map(|member| (channel.clone(), member.info.client)));
        }
        let left = gone.into_iter().filter_map(|(channel, client)| {
            let message = self.exit(node, &channel, client)?;
            Some((channel, message))
        });
        left.collect()
    }

    pub(crate) fn members(&self, channel: &ChannelName) -> Vec<Arc<ClientInfo>> {
        let members = self.channels.get(channel).into_iter().flat_map(BTreeMap::values);
        members.take(PRESENCE_CLIENTS).map(|member| Arc::clone(&member.info)).collect()
    }

    pub(crate) fn stats(&self, channel: &ChannelName) -> PresenceStats {
        let Some(members) = self.channels.get(channel) else { return PresenceStats::default() };
        let users: BTreeSet<_> = members.values().map(|member| &member.info.user).collect();
        PresenceStats { clients: members.len(), users: users.len() }
    }
}
