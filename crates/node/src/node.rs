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
use trunkline_core::publication::{Draft, Message};
use trunkline_core::session::{Answer, Ask, Ticket};
use trunkline_telemetry::Metrics;

use crate::event::Event;
use crate::presence::Presence;
use crate::survey::{ChannelSurvey, Pattern};
use crate::switchboard::Switchboard;
use crate::users::Users;

/// One running process.
pub struct Node {
    /// Unique among all nodes, now and later.
    pub id: Box<str>,
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
    presence: Presence,
    users: Users,
}

impl Node {
    /// A node without connections.
    #[must_use]
    pub fn new(
        id: &str,
        name: &str,
        namespaces: Namespaces,
        limits: Limits,
        metrics: Arc<Metrics>,
        switchboard: Arc<Switchboard>,
        backend: Arc<dyn Backend>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            namespaces,
            limits,
            metrics,
            switchboard,
            backend,
            presence: Presence::default(),
            users: Users::default(),
        }
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

    /// The connections in a channel.
    #[must_use]
    pub fn presence(&self, channel: &ChannelName) -> Vec<Arc<ClientInfo>> {
        self.presence.list(channel)
    }

    /// How many are in a channel.
    #[must_use]
    pub fn presence_stats(&self, channel: &ChannelName) -> PresenceStats {
        self.presence.stats(channel)
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
    }

    /// A shard has lost its last listener of a channel.
    pub fn unlisten(&self, shard: usize, channel: &ChannelName) {
        self.switchboard.unlisten(shard, channel);
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
        let Some(options) = self.namespaces.options(channel) else { return };
        if options.presence {
            self.presence.join(channel, Arc::clone(info));
        }
        if options.join_leave {
            self.backend.announce(channel, Message::Join(Arc::clone(info)));
        }
    }

    /// A connection has left a channel.
    pub fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>) {
        let Some(options) = self.namespaces.options(channel) else { return };
        if options.presence {
            self.presence.leave(channel, info.client);
        }
        if options.join_leave {
            self.backend.announce(channel, Message::Leave(Arc::clone(info)));
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
            Ask::Presence(channel) => reply(Answer::Presence(self.presence.list(&channel))),
            Ask::PresenceStats(channel) => {
                reply(Answer::PresenceStats(self.presence.stats(&channel)));
            }
        }
    }
}
