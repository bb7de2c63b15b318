//! What shards and the server API do through the node.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_core::backend::{Backend, BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::control::Control;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::hub::ConnectionKey;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::limits::Limits;
use trunkline_core::namespace::Namespaces;
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::Draft;
use trunkline_core::roster::{Roster, Telling};
use trunkline_core::session::{Answer, Ask, Ticket};
use trunkline_core::signal::NodeId;
use trunkline_telemetry::Metrics;

use crate::event::Event;
use crate::survey::{ChannelSurvey, Pattern};
use crate::switchboard::Switchboard;
use crate::users::Users;

/// What a node is made of.
pub struct Parts {
    /// Unique among all nodes, now and later.
    pub id: NodeId,
    /// For people.
    pub name: Box<str>,
    /// The namespaces.
    pub namespaces: Namespaces,
    /// The limits.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Which shards want to hear which channel.
    pub switchboard: Arc<Switchboard>,
    /// What carries and keeps publications, and delivers to the switchboard.
    pub backend: Arc<dyn Backend>,
    /// Who is in which channel.
    pub roster: Arc<dyn Roster>,
}

/// One running process.
pub struct Node {
    /// Unique among all nodes, now and later.
    pub id: NodeId,
    /// For people.
    pub name: Box<str>,
    /// The namespaces.
    pub namespaces: Namespaces,
    /// The limits.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    switchboard: Arc<Switchboard>,
    backend: Arc<dyn Backend>,
    roster: Arc<dyn Roster>,
    users: Users,
    hears_at_once: bool,
}

impl Node {
    /// A node without connections.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { id, name, namespaces, limits, metrics, switchboard, backend, roster } = parts;
        let hears_at_once = !backend.guarantees().shared;
        let users = Users::default();
        Self {
            id,
            name,
            namespaces,
            limits,
            metrics,
            switchboard,
            backend,
            roster,
            users,
            hears_at_once,
        }
    }

    /// Whether a channel is heard from the moment somebody listens to it.
    #[must_use]
    pub fn hears_at_once(&self) -> bool {
        self.hears_at_once
    }

    /// Places a draft and delivers it to all subscribers.
    pub fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        let metrics = Arc::clone(&self.metrics);
        let counted = move |outcome: Result<Published, BackendError>| {
            if outcome.as_ref().is_ok_and(|published| !published.duplicate) {
                metrics.node.publications.add(1);
            }
            done(outcome);
        };
        self.backend.publish(draft, Box::new(counted));
    }

    /// Reads the stream of a channel.
    pub fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.backend.history(channel, query, done);
    }

    /// Forgets the publications of a channel.
    pub fn remove_history(
        &self,
        channel: &ChannelName,
        done: Completion<Result<(), BackendError>>,
    ) {
        self.backend.remove_history(channel, done);
    }

    /// The connections in a channel, over all nodes.
    pub fn presence(
        &self,
        channel: &ChannelName,
        done: Completion<Result<Vec<Arc<ClientInfo>>, BackendError>>,
    ) {
        self.roster.members(channel, done);
    }

    /// How many are in a channel, over all nodes.
    pub fn presence_stats(
        &self,
        channel: &ChannelName,
        done: Completion<Result<PresenceStats, BackendError>>,
    ) {
        self.roster.stats(channel, done);
    }

    /// Does something to all connections it concerns, soon.
    pub fn control(&self, control: Control) {
        let control = Arc::new(control);
        self.switchboard.broadcast(|| Event::Control(Arc::clone(&control)));
    }

    /// Asks which channels have listeners, and how many.
    pub fn channels(&self, pattern: Pattern, done: Completion<HashMap<ChannelName, usize>>) {
        let survey = Arc::new(ChannelSurvey::new(pattern, self.switchboard.shards(), done));
        self.switchboard.broadcast(|| Event::Survey(Arc::clone(&survey)));
    }

    /// Channels with listeners.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.switchboard.channel_count()
    }

    /// Connected users.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.users.count()
    }

    /// Tells all shards to close their connections, spread over `spread_ms` milliseconds.
    pub fn drain(&self, spread_ms: u64) {
        self.switchboard.broadcast(|| Event::Drain { spread_ms });
    }

    /// Tells all shards to end.
    pub fn stop(&self) {
        self.switchboard.broadcast(|| Event::Stop);
    }

    /// A shard has its first listener of a channel.
    pub fn listen(&self, shard: usize, channel: &ChannelName) {
        self.switchboard.listen(shard, channel);
        if !self.hears_at_once {
            // Whoever has to know when the channel is heard asks.
            self.backend.listen(channel, Box::new(|_| ()));
        }
    }

    /// A shard has lost its last listener of a channel.
    pub fn unlisten(&self, shard: usize, channel: &ChannelName) {
        let nobody = self.switchboard.unlisten(shard, channel);
        if self.hears_at_once || !nobody {
            return;
        }
        self.backend.unlisten(channel);
        // Another shard may have come in between, and told the backend before this one did.
        if self.switchboard.wants(channel) {
            self.backend.listen(channel, Box::new(|_| ()));
        }
    }

    /// A connection of this user was let in.
    pub fn arrive(&self, user: &UserId) {
        self.users.arrive(user);
    }

    /// A connection of this user has ended.
    pub fn depart(&self, user: &UserId) {
        self.users.depart(user);
    }

    /// A connection is in a channel: counts it, and tells those who want to know.
    pub fn enter(&self, channel: &ChannelName, info: &Arc<ClientInfo>) {
        if let Some(telling) = self.telling(channel) {
            self.roster.enter(channel, info, telling);
        }
    }

    /// A connection has left a channel.
    pub fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>) {
        if let Some(telling) = self.telling(channel) {
            self.roster.exit(channel, info, telling);
        }
    }

    /// Whom it concerns when somebody comes or goes; `None` if it is nobody.
    fn telling(&self, channel: &ChannelName) -> Option<Telling> {
        let options = self.namespaces.options(channel)?;
        match (options.join_leave, options.presence) {
            (true, _) => Some(Telling::Connections),
            (false, true) => Some(Telling::Nothing),
            (false, false) => None,
        }
    }

    /// Answers a session's question; the answer comes through the shard's mailbox.
    pub fn ask(
        &self,
        shard: usize,
        (connection, client): (ConnectionKey, ClientId),
        ticket: Ticket,
        ask: Ask,
    ) {
        let mailbox = Arc::clone(self.switchboard.mailbox(shard));
        let reply = move |answer| {
            mailbox.push(Event::Answer { connection, client, ticket, answer });
        };
        match ask {
            Ask::Publish(draft) => {
                self.publish(draft, Box::new(|outcome| reply(Answer::Published(outcome))));
            }
            Ask::History { channel, query } => {
                let done = Box::new(|outcome| reply(Answer::History(outcome)));
                self.backend.history(&channel, query, done);
            }
            Ask::Hear(channel) => {
                self.backend.listen(&channel, Box::new(|outcome| reply(Answer::Heard(outcome))));
            }
            Ask::Presence(channel) => {
                let done = Box::new(|outcome| reply(Answer::Presence(outcome)));
                self.roster.members(&channel, done);
            }
            Ask::PresenceStats(channel) => {
                let done = Box::new(|outcome| reply(Answer::PresenceStats(outcome)));
                self.roster.stats(&channel, done);
            }
        }
    }
}
