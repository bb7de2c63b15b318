//! What shards and the server API do through the node. What concerns other nodes is in `cluster`.

use std::collections::HashSet;
use std::sync::Arc;

use trunkline_core::application::{About, Application, Call, Headers, Objection, Response};
use trunkline_core::backend::{Backend, BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::control::{Action, Control, Target};
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::hub::ConnectionKey;
use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::limits::Limits;
use trunkline_core::namespace::{ChannelOptions, Namespaces};
use trunkline_core::note::Notes;
use trunkline_core::observer::{Happening, Membership, Observer};
use trunkline_core::presence::PresenceStats;
use trunkline_core::publication::Draft;
use trunkline_core::rate::{Account, Rates};
use trunkline_core::roster::Roster;
use trunkline_core::session::{Answer, Ask, Seat, Ticket};
use trunkline_core::signal::NodeId;
use trunkline_telemetry::Metrics;

use crate::attendance::Attendance;
use crate::cluster::Cluster;
use crate::counted::Counted;
use crate::due::Shares;
use crate::event::Event;
use crate::lines::Lines;
use crate::revoking::Revoking;
use crate::schedules::ScheduleForm;
use crate::seats::Seats;
use crate::switchboard::Switchboard;
use crate::throttle::Throttle;

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
    /// Who knows more about clients, if anybody does.
    pub application: Option<Arc<dyn Application>>,
    /// Who is told what clients do, if anybody is.
    pub observer: Option<Arc<dyn Observer>>,
    /// Which shards want to hear which channel.
    pub switchboard: Arc<Switchboard>,
    /// What carries and keeps publications, and delivers to the switchboard.
    pub backend: Arc<dyn Backend>,
    /// What keeps notes, beside the same channels.
    pub notes: Arc<dyn Notes>,
    /// What schedules look like in notes.
    pub schedule_form: Arc<dyn ScheduleForm>,
    /// How often each user may do what, over all connections.
    pub per_user: Rates,
    /// How often it may be done from each address.
    pub per_address: Rates,
    /// Who is in which channel.
    pub roster: Arc<dyn Roster>,
    /// What the node remembers of streams that are kept elsewhere; they stand before the backend.
    pub lines: Option<Arc<Lines>>,
}

/// Who asks the node something.
#[derive(Debug)]
pub struct Asker {
    /// The shard that holds the connection.
    pub shard: usize,
    /// The connection there.
    pub connection: ConnectionKey,
    /// Its id.
    pub client: ClientId,
    /// What the application wants to see of the request that opened it.
    pub headers: Headers,
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
    application: Option<Arc<dyn Application>>,
    observer: Option<Arc<dyn Observer>>,
    pub(crate) switchboard: Arc<Switchboard>,
    pub(crate) attendance: Attendance,
    pub(crate) cluster: Cluster,
    backend: Arc<dyn Backend>,
    pub(crate) notes: Arc<dyn Notes>,
    pub(crate) schedule_form: Arc<dyn ScheduleForm>,
    pub(crate) due: Shares,
    pub(crate) lines: Option<Arc<Lines>>,
    /// Anonymous ones are not counted.
    users: Counted<UserId>,
    addresses: Counted<Account>,
    seats: Arc<Seats>,
    pub(crate) throttle: Throttle,
    pub(crate) revoking: Arc<Revoking>,
    /// How long a message of an inbox may be unread until it comes again; 0 for never.
    pub(crate) redeliver_ms: u64,
    hears_at_once: bool,
}

impl Node {
    /// A node without connections.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            id,
            name,
            namespaces,
            limits,
            metrics,
            application,
            observer,
            switchboard,
            backend,
            notes,
            schedule_form,
            per_user,
            per_address,
            roster,
            lines,
        } = parts;
        let hears_at_once = !backend.guarantees().shared;
        let due = Shares::new(notes.shares());
        let redeliver_ms = namespaces.inbox().map_or(0, |inbox| inbox.redeliver_ms);
        let cluster = Cluster::new(Arc::clone(&backend), &metrics);
        let revoking = Arc::new(Revoking::new(Arc::clone(&switchboard)));
        Self {
            id,
            name,
            namespaces,
            limits,
            metrics,
            application,
            observer,
            switchboard,
            attendance: Attendance::new(roster),
            cluster,
            backend,
            notes,
            schedule_form,
            due,
            lines,
            users: Counted::default(),
            addresses: Counted::default(),
            seats: Arc::default(),
            throttle: Throttle::new(per_user, per_address),
            revoking,
            redeliver_ms,
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
        let arming = self.arming(&draft);
        let counted = move |outcome: Result<Published, BackendError>| {
            let published = outcome.is_ok();
            if outcome.as_ref().is_ok_and(|published| !published.duplicate) {
                metrics.node.publications.add(1);
            }
            done(outcome);
            if let Some(arming) = arming.filter(|_| published) {
                arming.begin();
            }
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
        let tell = self.telling_that_cleared(channel);
        let told = move |outcome: Result<(), BackendError>| {
            if outcome.is_ok() {
                tell();
            }
            done(outcome);
        };
        self.backend.remove_history(channel, Box::new(told));
    }

    /// The connections in a channel, over all nodes.
    pub fn presence(
        &self,
        channel: &ChannelName,
        done: Completion<Result<Vec<Arc<ClientInfo>>, BackendError>>,
    ) {
        self.attendance.roster.members(channel, done);
    }

    /// How many are in a channel, over all nodes.
    pub fn presence_stats(
        &self,
        channel: &ChannelName,
        done: Completion<Result<PresenceStats, BackendError>>,
    ) {
        self.attendance.roster.stats(channel, done);
    }

    /// Channels with listeners.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.switchboard.channel_count()
    }

    /// Connected users.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    /// Tells all shards to close their connections, spread over `spread_ms` milliseconds.
    pub fn drain(&self, spread_ms: u64) {
        self.switchboard.broadcast(|| Event::Drain { spread_ms });
    }

    /// Tells all shards to end. When they have, [`Node::farewell`] is due.
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

    /// The node itself listens to these channels from now on, as long as it lives: see
    /// [`Switchboard::tap`].
    pub(crate) fn attend(
        &self,
        channels: HashSet<ChannelName>,
        tell: Box<dyn Fn(&ChannelName) + Send + Sync>,
    ) {
        let names: Vec<_> = channels.iter().cloned().collect();
        self.switchboard.tap(channels, tell);
        if !self.hears_at_once {
            // What comes before it is heard stands in the stream.
            names.iter().for_each(|channel| self.backend.listen(channel, Box::new(|_| ())));
        }
    }

    /// A connection of this user was let in. If they have more of them here than they may it is
    /// closed again; if they may have only one, all others are closed, on all nodes. Either happens
    /// soon, not at once.
    pub fn arrive(&self, user: &UserId, client: ClientId) {
        if user.is_anonymous() {
            return;
        }
        let count = self.users.add(user);
        let Limits { single_connection, connections_per_user: most, .. } = self.limits;
        let target = Target { user: user.clone(), client: None, except: Vec::new() };
        if single_connection {
            let action = Action::Disconnect(elsewhere());
            self.control(Control { target: Target { except: vec![client], ..target }, action });
        } else if most > 0 && count > most {
            let action = Action::Disconnect(CloseReason::ConnectionLimit);
            let target = Target { client: Some(client), ..target };
            self.control_here(&Arc::new(Control { target, action }));
        }
    }

    /// A client connects from an address, if it has room; then [`Node::leave_address`] is to be
    /// called when it has gone.
    #[must_use]
    pub fn enter_address(&self, address: &Account) -> bool {
        self.addresses.add_below(address, self.limits.connections_per_address)
    }

    /// A client from this address has gone.
    pub fn leave_address(&self, address: &Account) {
        self.addresses.remove(address);
    }

    /// A connection of this user has ended.
    pub fn depart(&self, user: &UserId) {
        self.users.remove(user);
    }

    /// A seat for a subscription of a channel whose options count them, if there is one left.
    #[must_use]
    pub fn seat(&self, channel: &ChannelName, options: &ChannelOptions) -> Option<Seat> {
        self.seats.take(channel, options)
    }

    /// A connection is in a channel: counts it, and tells those who want to know.
    pub fn enter(&self, channel: &ChannelName, info: &Arc<ClientInfo>) {
        if let Some(options) = self.namespaces.options(channel) {
            self.attendance.enter(channel, info, options);
            self.observe(|| Happening::Subscribed {
                channel: channel.clone(),
                info: Arc::clone(info),
                membership: membership(options),
            });
        }
    }

    /// A connection has left a channel. Where the namespace holds that back it is carried out, and
    /// told of, at a later [`Node::tick`].
    pub fn exit(&self, channel: &ChannelName, info: &Arc<ClientInfo>) {
        if let Some(options) = self.namespaces.options(channel) {
            self.attendance.exit(channel, info, options, self.cluster.clock.now());
            self.observe(|| Happening::Unsubscribed {
                channel: channel.clone(),
                info: Arc::clone(info),
                membership: membership(options),
            });
        }
    }

    /// Tells whoever wants to know what clients do.
    pub fn observe(&self, happening: impl FnOnce() -> Happening) {
        if let Some(observer) = &self.observer {
            observer.observe(happening());
        }
    }

    /// Exits that are held back in case the user comes back.
    #[must_use]
    pub fn exits_held(&self) -> usize {
        self.attendance.held()
    }

    /// Carries out a method of the node's own, or asks the application.
    fn call(
        &self,
        about: About,
        headers: Headers,
        call: Call,
        done: Completion<Result<Response, Objection>>,
    ) {
        match &self.application {
            Some(application) => application.call(about, headers, call, done),
            None => done(Err(Objection::Failed(ClientError::NotAvailable))),
        }
    }

    /// Answers a session's question; the answer comes through the shard's mailbox.
    pub fn ask(self: &Arc<Self>, asker: Asker, ticket: Ticket, ask: Ask) {
        let Asker { shard, connection, client, headers } = asker;
        let follows = matches!(ticket, Ticket::Subscribe(_) | Ticket::CatchUp { .. });
        let mailbox = Arc::clone(self.switchboard.mailbox(shard));
        let reply = move |answer| {
            mailbox.push(Event::Answer { connection, client, ticket, answer });
        };
        match ask {
            Ask::Publish(draft) => {
                self.publish(draft, Box::new(|outcome| reply(Answer::Published(outcome))));
            }
            Ask::History { channel, query } => {
                // Who subscribes or catches up hears of what comes; who asks for history may know
                // more than has come.
                let recalled = self.lines.as_ref().filter(|_| follows);
                if let Some(page) = recalled.and_then(|lines| lines.recall(&channel, &query)) {
                    return reply(Answer::History(Ok(page)));
                }
                let done = Box::new(|outcome| reply(Answer::History(outcome)));
                self.backend.history(&channel, query, done);
            }
            Ask::Inbox { channel, read } => {
                self.open_inbox(&channel, read, Box::new(|found| reply(Answer::Inbox(found))));
            }
            Ask::Hear(channel) => {
                self.backend.listen(&channel, Box::new(|outcome| reply(Answer::Heard(outcome))));
            }
            Ask::Presence(channel) => {
                let done = Box::new(|outcome| reply(Answer::Presence(outcome)));
                self.attendance.roster.members(&channel, done);
            }
            Ask::Call(about, call) => {
                let done = Box::new(|answer| reply(Answer::Called(answer)));
                self.call(about, headers, call, done);
            }
            Ask::PresenceStats(channel) => {
                let done = Box::new(|outcome| reply(Answer::PresenceStats(outcome)));
                self.attendance.roster.stats(&channel, done);
            }
        }
    }
}

/// Whether users are members of channels with these options.
fn membership(options: &ChannelOptions) -> Membership {
    match options.presence {
        // Held back as what others are told is.
        true if options.join_leave => Membership::Lingering(options.debounce_ms),
        true => Membership::Lingering(0),
        false => Membership::None,
    }
}

/// Why the others are closed where a user may have one connection. The code is of those after which
/// SDKs do not come back by themselves: two devices would throw each other out for ever.
fn elsewhere() -> CloseReason {
    CloseReason::Custom(4501, "connected elsewhere".into())
}
