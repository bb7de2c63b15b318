//! One connection as a value: command in, effects out.
//!
//! A [`Session`] knows what its client may do and what it is subscribed to. It is told what
//! happened through [`Session::handle`], and answers with [`Effect`]s in the order in which they
//! must take place. It never waits: what needs the node is an [`Effect::Ask`] whose [`Answer`]
//! comes back later together with its [`Ticket`], which holds all that is needed to go on.

mod ask;
mod behind;
mod connect;
mod consulting;
mod control;
mod effect;
mod heartbeat;
mod identifying;
mod later;
mod pace;
mod recovery;
mod revoking;
mod seat;
mod subscribe;
mod subscription;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

pub use self::effect::{Answer, Ask, Effect, ReadInbox, Ticket};
pub use self::seat::Seat;

use self::subscription::Subscription;

use crate::channel::ChannelName;
use crate::command::{Command, Request};
use crate::control::Action;
use crate::error::{ClientError, CloseReason};
use crate::gate::{Gate, Policy, TokenError};
use crate::identity::{ClientId, UserId};
use crate::limits::Limits;
use crate::namespace::{ChannelOptions, Namespaces};
use crate::position::Position;
use crate::rate::{Doing, Rates};
use crate::reply::Reply;
use crate::revocation::{Credential, Revocation};
use crate::time::{Tick, WallTime};

/// What a session needs to know of its surroundings.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Who checks tokens.
    pub gate: &'a dyn Gate,
    /// What holds without a token.
    pub policy: Policy,
    /// The namespaces.
    pub namespaces: &'a Namespaces,
    /// The limits.
    pub limits: &'a Limits,
    /// Names that are in use already, to share them.
    pub names: &'a dyn Fn(&str) -> Option<ChannelName>,
    /// How far the connection has been given the stream of a channel it listens to.
    pub positions: &'a dyn Fn(&ChannelName) -> Option<Position>,
    /// Whether a channel is heard from the moment somebody listens to it, as where its publications
    /// are made in the same process. Elsewhere the broker has to be asked first.
    pub hears_at_once: bool,
    /// How often one connection may do what.
    pub per_connection: &'a Rates,
    /// Counts what a user does on all connections, and its address; or says in how many
    /// milliseconds it may be done.
    pub admit: &'a dyn Fn(Doing, &UserId) -> Result<(), u64>,
    /// What speaks against a token of this user with this credential, good as it may be by itself:
    /// it was taken back, or whether it was is not known yet.
    pub objects: &'a dyn Fn(&UserId, &Credential) -> Option<TokenError>,
    /// Takes a seat in a channel whose namespace has only so many, if there is one.
    pub seat: &'a dyn Fn(&ChannelName, &ChannelOptions) -> Option<Seat>,
    /// Monotonic time.
    pub now: Tick,
    /// Wall-clock time.
    pub wall: WallTime,
}

/// What the connection of a session can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Payloads need not be JSON.
    pub binary: bool,
    /// Pings want an answer.
    pub pong: bool,
    /// The client can be told of a gap in a subscription that goes on.
    pub gaps: bool,
    /// Publications may come as differences.
    pub delta: bool,
    /// The client is given what its user has not read when it connects.
    pub unread: bool,
}

/// Something that happened to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// The client asked for it in the URL.
    Opened(Request<'a>),
    /// The client sent a command.
    Command(Command<'a>),
    /// The node answered.
    Answer(Ticket, Answer),
    /// An operator or the application wants something.
    Control(Action),
    /// Something was taken back, perhaps what this connection is allowed by.
    Revoked(&'a Revocation),
    /// A channel that was released or listened to has gone on without the connection.
    Missed {
        /// The channel.
        channel: ChannelName,
        /// Up to where the connection has been given its stream.
        at: Position,
    },
    /// More than may waits to be sent to the client.
    Crowded,
    /// Everything has been sent, as [`Effect::Drain`] wants to know.
    Drained,
    /// Time has come to [`Session::wake_at`].
    Timer,
    /// The connection is gone.
    Gone,
}

/// How a request came, and so where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// As a command with this id; the answer is a reply.
    Command(u32),
    /// By URL; the answer is a push.
    Url,
    /// From the server; the client learns of it by a push.
    Server,
    /// With the connect reply.
    Connect,
}

#[derive(Debug)]
enum Phase {
    Waiting,
    /// Its introduction was answered with an error: it has to come back on a new connection.
    Refused,
    /// It has introduced itself, and the application is asked who it is.
    Coming(Box<identifying::Coming>),
    /// Let in, but the connect reply waits for the positions of server-side subscriptions.
    Connecting(Box<connect::Pending>),
    Connected,
    Closed,
}

/// Beyond the ordinary: most connections have none of this.
#[derive(Debug, Default)]
struct Extra {
    conn_info: Option<Bytes>,
    expires_at: Option<WallTime>,
    renewer: consulting::Renewer,
    /// By what it was let in; `None` for a client without a user or a token, who has nothing that
    /// could be taken back.
    credential: Option<Credential>,
    /// What the application said of the connection, for itself.
    meta: Option<Bytes>,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    client: ClientId,
    user: UserId,
    phase: Phase,
    abilities: Abilities,
    subscriptions: SmallVec<[Subscription; 1]>,
    /// How many of them may not be allowed: the application is asked.
    asked_for: u32,
    extra: Option<Box<Extra>>,
    /// Where what a connection does is counted.
    meters: Option<Box<pace::Meters>>,
    heartbeat: heartbeat::Heartbeat,
    last_ticket: u32,
    /// Questions whose answers are outstanding, except those of subscriptions still wanted: these
    /// are as many as the subscriptions at most.
    asks: u32,
    /// How many of them the application is asked.
    calls: u16,
    /// Whether it is to be told that everything has been sent.
    waits_for_room: bool,
}

impl Session {
    /// A connection that was just opened, with an id that was never used before.
    #[must_use]
    pub fn new(client: ClientId, abilities: Abilities, now: Tick, limits: &Limits) -> Self {
        Self {
            client,
            user: UserId::default(),
            phase: Phase::Waiting,
            abilities,
            subscriptions: SmallVec::new(),
            asked_for: 0,
            extra: None,
            meters: None,
            heartbeat: heartbeat::Heartbeat::new(now, limits),
            last_ticket: 0,
            asks: 0,
            calls: 0,
            waits_for_room: false,
        }
    }

    /// The connection's id.
    #[must_use]
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// The connection's user, once it is known.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// How many channels it is subscribed to.
    #[must_use]
    pub fn subscription_count(&self) -> usize {
        self.subscriptions.len() - self.asked_for as usize
    }

    /// The channels it is subscribed to.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelName> {
        let allowed = self.subscriptions.iter().filter(|subscription| !subscription.is_asked_for());
        allowed.map(|subscription| &subscription.channel)
    }

    /// When [`Input::Timer`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Tick {
        self.heartbeat.wake_at
    }

    /// Whether a ping waits for its answer.
    #[must_use]
    pub fn awaits_pong(&self) -> bool {
        self.heartbeat.awaits_pong
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Whether the client was let in.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connecting(_) | Phase::Connected)
    }

    /// Tells the session what happened; `effects` gains what to do, in order.
    pub fn handle(
        &mut self,
        input: Input<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_closed() {
            return;
        }
        match input {
            Input::Opened(request) => self.paced(Origin::Url, request, around, effects),
            Input::Command(command) => self.command(command, around, effects),
            Input::Answer(ticket, answer) => self.answer(ticket, answer, around, effects),
            Input::Control(action) => self.control(action, around, effects),
            Input::Revoked(revocation) => self.revoked(revocation, effects),
            Input::Missed { channel, at } => self.missed(&channel, at, around, effects),
            Input::Crowded => self.crowded(around, effects),
            Input::Drained => self.drained(around, effects),
            Input::Timer => self.timer(around, effects),
            Input::Gone => self.leave(effects),
        }
    }

    fn command(
        &mut self,
        command: Command<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match (command.id, command.request) {
            (_, Request::Pong) => self.pong(around, effects),
            // Only what is never answered may come without an id.
            (0, request) if !matches!(request, Request::Send { .. } | Request::Say { .. }) => {
                self.close(CloseReason::BadRequest, effects);
            }
            (id, request) => self.paced(Origin::Command(id), request, around, effects),
        }
    }

    /// Does what is asked for, unless that is too much. While it is not known who asks it is not known
    /// either whose account it goes to: what waits is counted when its turn comes.
    fn paced(
        &mut self,
        origin: Origin,
        request: Request<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if matches!(self.phase, Phase::Coming(_)) {
            return self.request(origin, request, around, effects);
        }
        match (self.pace(origin, &request, around), origin, request) {
            (Ok(()), _, request) => self.request(origin, request, around, effects),
            (Err(error), Origin::Command(id), _) => self.fail(id, error, effects),
            (Err(error), _, Request::Subscribe(wanted)) if !wanted.required => {
                self.refuse(origin, &wanted.channel, error, effects);
            }
            (Err(_), ..) => self.close(CloseReason::TooManyRequests, effects),
        }
    }

    fn request(
        &mut self,
        origin: Origin,
        request: Request<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let id = match origin {
            Origin::Command(id) => id,
            _ => 0,
        };
        match (&mut self.phase, request) {
            (Phase::Waiting, Request::Connect(connect)) => {
                self.connect(origin, &connect, around, effects);
            }
            (Phase::Connecting(_) | Phase::Coming(_), Request::Connect(_)) => {
                self.close(CloseReason::BadRequest, effects);
            }
            (Phase::Coming(coming), request) => {
                if !coming.later.keep(origin, request, around.limits) {
                    self.close(CloseReason::TooManyRequests, effects);
                }
            }
            (Phase::Connecting(pending), request) => {
                if !pending.later.keep(origin, request, around.limits) {
                    self.close(CloseReason::TooManyRequests, effects);
                }
            }
            (Phase::Connected, request) => match request {
                Request::Subscribe(subscribe) => {
                    self.subscribe(origin, &subscribe, around, effects);
                }
                Request::Unsubscribe { channel } => self.unsubscribe(id, &channel, effects),
                Request::Publish { channel, data } => {
                    self.publish(id, &channel, data, around, effects);
                }
                Request::Say { data } => self.say(id, data, around, effects),
                Request::Presence { channel } => self.presence(id, &channel, around, effects),
                Request::PresenceStats { channel } => {
                    self.presence_stats(id, &channel, around, effects);
                }
                Request::History { channel, limit, since, reverse } => {
                    self.history(id, &channel, (limit, since, reverse), around, effects);
                }
                Request::Login => self.login(id, around, effects),
                Request::Rpc { method, data } => self.rpc(id, &method, &data, effects),
                Request::Send { .. } => {}
                Request::Refresh { token } => self.refresh(id, &token, around, effects),
                Request::SubRefresh { channel, token } => {
                    self.sub_refresh(id, &channel, &token, around, effects);
                }
                // `Pong` never comes this way.
                Request::Refused(error) => self.fail(id, error, effects),
                Request::Connect(_) | Request::Unsupported | Request::Pong => {
                    self.close(CloseReason::BadRequest, effects);
                }
            },
            _ => self.close(CloseReason::BadRequest, effects),
        }
    }

    fn close(&mut self, reason: CloseReason, effects: &mut Vec<Effect>) {
        self.leave(effects);
        effects.push(Effect::Close(reason));
    }

    /// Parses a channel's name and finds its options.
    fn channel<'a>(
        text: &str,
        around: &Surroundings<'a>,
    ) -> Result<(ChannelName, &'a Arc<ChannelOptions>), ClientError> {
        let name = match (around.names)(text) {
            Some(name) => name,
            None => ChannelName::parse(text).map_err(|_| ClientError::BadRequest)?,
        };
        let options = around.namespaces.options(&name).ok_or(ClientError::UnknownChannel)?;
        Ok((name, options))
    }

    /// Tells the client that a command failed. One that came without an id has no reply, and is
    /// not to be lost silently: the connection ends.
    fn fail(&mut self, id: u32, error: ClientError, effects: &mut Vec<Effect>) {
        if id > 0 {
            return effects.push(Effect::Reply { id, result: Err(error) });
        }
        let reason = match error {
            ClientError::PermissionDenied => CloseReason::PermissionDenied,
            ClientError::TooManyRequests | ClientError::TooFast { .. } => {
                CloseReason::TooManyRequests
            }
            _ => CloseReason::BadRequest,
        };
        self.close(reason, effects);
    }
}

fn succeed(id: u32, reply: Reply, effects: &mut Vec<Effect>) {
    if id > 0 {
        effects.push(Effect::Reply { id, result: Ok(reply) });
    }
}

/// Whole seconds from now until then, at least 1, as clients are told lifetimes.
fn seconds_until(then: WallTime, now: WallTime) -> u32 {
    u32::try_from(then.0.saturating_sub(now.0).div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}
