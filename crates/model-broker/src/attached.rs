//! The broker as one node has it.

use std::sync::Arc;

use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::identity::ClientInfo;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::roster::{Roster, Telling};
use trunkline_core::signal::{NodeId, Recipient, Signal};

use crate::network::Network;
use crate::parcel::Request;

/// A node's connections to the broker: its backend and its roster. Once the node is detached, both
/// answer [`BackendError::Stopped`].
pub struct Attached {
    network: Arc<Network>,
    id: NodeId,
    number: u64,
}

impl Attached {
    pub(crate) fn new(network: Arc<Network>, id: NodeId, number: u64) -> Self {
        Self { network, id, number }
    }

    /// The node's id.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    fn ask(&self, request: Request) {
        self.network.ask(&self.id, self.number, request);
    }

    fn is_overloaded(&self) -> bool {
        let sink = self
            .network
            .with(|state| state.port(&self.id, self.number).map(|port| Arc::clone(&port.sink)));
        sink.is_some_and(|sink| sink.overloaded())
    }
}

impl Backend for Attached {
    fn guarantees(&self) -> Guarantees {
        Guarantees { durable: true, shared: true, replicates: false, may_fork: true }
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        if self.is_overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        self.ask(Request::Publish(draft, done));
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.ask(Request::Announce(channel.clone(), message));
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.ask(Request::History(channel.clone(), query, done));
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.ask(Request::RemoveHistory(channel.clone(), done));
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.network.listen(&self.id, self.number, channel.clone(), done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.network.unlisten(&self.id, self.number, channel.clone());
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.ask(Request::Signal(to.clone(), signal));
    }
}

impl Roster for Attached {
    fn enter(&self, channel: &ChannelName, info: &Arc<ClientInfo>, telling: Telling) {
        self.ask(Request::Enter(channel.clone(), Arc::clone(info), telling));
    }

    fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>, _: Telling) {
        self.ask(Request::Exit(channel.clone(), Arc::clone(info)));
    }

    fn members(
        &self,
        channel: &ChannelName,
        done: Completion<Result<Vec<Arc<ClientInfo>>, BackendError>>,
    ) {
        self.ask(Request::Members(channel.clone(), done));
    }

    fn stats(&self, channel: &ChannelName, done: Completion<Result<PresenceStats, BackendError>>) {
        self.ask(Request::Stats(channel.clone(), done));
    }
}
