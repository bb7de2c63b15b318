//! Effects of sessions.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use trunkline_core::codec::{Framing, Heartbeat};
use trunkline_core::error::CloseReason;
use trunkline_core::hub::ConnectionKey;
use trunkline_core::identity::UserId;
use trunkline_core::observer::{Happening, Parting};
use trunkline_core::rate::Doing;
use trunkline_core::session::{Effect, Input, Surroundings};
use trunkline_node::Asker;
use trunkline_telemetry::{Closed, Label as _};
use trunkline_transport::{Opcode, write_frame};

use crate::connection::{Connection, Stage};
use crate::shard::Shard;

/// How long a closed connection may take to say goodbye itself, in milliseconds.
const CLOSING_MS: u64 = 5_000;

impl Shard {
    /// Tells a session what happened, and does what it wants.
    pub(crate) fn tell(&mut self, key: ConnectionKey, input: Input<'_>) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut next = Some(input);
        while let Some(input) = next {
            self.ask_session(key, input, &mut effects);
            for effect in effects.drain(..) {
                self.act(key, effect);
            }
            // Only now: what the session wanted before it knew comes first.
            next = self.missed.pop().map(|(channel, at)| Input::Missed { channel, at });
        }
        self.effects = effects;
        self.plan(key);
    }

    fn ask_session(&mut self, key: ConnectionKey, input: Input<'_>, effects: &mut Vec<Effect>) {
        let settings = Rc::clone(&self.settings);
        let hub = &self.hub;
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let Connection { stage: Stage::Open(open), visit, .. } = connection else { return };
        let address = visit.as_ref().and_then(|visit| visit.address.as_ref());
        let (now, wall) = (self.now, self.wall);
        let around = Surroundings {
            gate: &*settings.gate,
            policy: settings.policy,
            namespaces: &settings.node.namespaces,
            limits: &settings.node.limits,
            names: &|text| hub.name(text),
            positions: &|channel| hub.position_of(key, channel),
            per_connection: &settings.per_connection,
            admit: &|doing, user| {
                // Of the address it was counted when the request came.
                let from = address.filter(|_| doing != Doing::Connect);
                settings.node.admit(doing, Some(user), from, now)
            },
            objects: &|user, credential| settings.node.objects(user, credential, wall),
            seat: &|channel, options| settings.node.seat(channel, options),
            hears_at_once: settings.node.hears_at_once(),
            now: self.now,
            wall: self.wall,
        };
        let before = open.session.subscription_count();
        open.session.handle(input, &around, effects);
        let after = open.session.subscription_count();
        if after != before {
            self.counters().subscriptions.add(after as i64 - before as i64);
        }
    }

    fn act(&mut self, key: ConnectionKey, effect: Effect) {
        let settings = Rc::clone(&self.settings);
        let node = &settings.node;
        match effect {
            Effect::Reply { id, result } => {
                self.count_gaps_of_reply(&result);
                self.encode_for(key, |codec, out| codec.encode_reply(id, &result, out));
            }
            Effect::Push(push) => {
                self.count_gaps_of_push(&push);
                self.encode_for(key, |codec, out| codec.encode_push(&push, out));
            }
            Effect::Connected { user } => self.connected(key, user),
            Effect::Bound { user } => self.identified(key, user),
            Effect::Attend { channel } => self.attend(key, &channel),
            Effect::Listen { channel, joins, overflow } => {
                self.listen(key, &channel, joins, overflow);
            }
            Effect::Hold { channel, joins, delta } => self.hold(key, &channel, joins, delta),
            Effect::Release { channel, after } => self.release(key, &channel, &after),
            Effect::Park { channel } => self.park(key, &channel),
            Effect::Skip { channel, reason } => self.skip(key, &channel, reason),
            Effect::Drain => {
                self.connections[key as usize].drains = true;
                self.outcome.drained.push(key);
            }
            Effect::Lost(reason) => self.count_gap(reason),
            Effect::Unlisten { channel } => self.unlisten(key, &channel),
            Effect::Enter { channel, info } => node.enter(&channel, &info),
            Effect::Exit { channel, info } => node.exit(&channel, &info),
            Effect::Ask { ticket, ask } => {
                let connection = &mut self.connections[key as usize];
                let headers = connection.visit.as_ref().map(|visit| Arc::clone(&visit.headers));
                let Some(open) = connection.open() else { return };
                let asker = Asker {
                    shard: self.index,
                    connection: key,
                    client: open.session.client(),
                    headers: headers.unwrap_or_default(),
                };
                node.ask(asker, ticket, ask);
            }
            Effect::Ping => self.ping(key),
            Effect::Close(reason) => self.close(key, &reason),
        }
    }

    fn connected(&mut self, key: ConnectionKey, user: UserId) {
        let Some(open) = self.connections[key as usize].open() else { return };
        let label = self.settings.labels[usize::from(open.variant.codec.0)];
        let client = open.session.client();
        self.clients.insert(client, key);
        self.counters().connected.add(label, 1);
        self.let_in(key);
        self.settings.node.observe(|| Happening::Connected {
            client,
            user: user.clone(),
            protocol: label.text(),
        });
        self.bound(key, user);
    }

    fn identified(&mut self, key: ConnectionKey, user: UserId) {
        if let Some(open) = self.connections[key as usize].open() {
            let client = open.session.client();
            let user = user.clone();
            self.settings.node.observe(|| Happening::Identified { client, user });
        }
        self.bound(key, user);
    }

    /// The connection ends: whoever is told what clients do hears why. Afterwards it cannot be
    /// addressed by its id any more.
    pub(crate) fn part(&mut self, key: ConnectionKey, reason: &CloseReason) {
        let Some(open) = self.connections[key as usize].open() else { return };
        let (client, user) = (open.session.client(), open.session.user().clone());
        if self.clients.remove(&client).is_some() {
            self.settings.node.observe(|| Happening::Disconnected {
                client,
                user,
                reason: parting(reason),
            });
        }
    }

    /// A connection can be addressed by its user from now on.
    fn bound(&mut self, key: ConnectionKey, user: UserId) {
        if !user.is_anonymous() {
            let client = self.connections[key as usize].open().map(|open| open.session.client());
            let Some(client) = client else { return };
            self.settings.node.arrive(&user, client);
            self.users.entry(user).or_default().push(key);
        }
    }

    fn ping(&mut self, key: ConnectionKey) {
        let settings = Rc::clone(&self.settings);
        let Some(open) = self.connections[key as usize].open() else { return };
        match settings.codec(open.variant.codec).heartbeat() {
            Heartbeat::Message(bytes) => {
                self.encode_for(key, |_, out| out.extend_from_slice(bytes));
            }
            Heartbeat::Frame => {
                self.answer_with(key, |out| write_frame(out, Opcode::Ping, false, b""));
            }
            Heartbeat::OneWay(bytes) => {
                self.answer_with(key, |out| out.extend_from_slice(bytes));
            }
        }
    }

    /// Closes an open connection with the code its protocol has for the reason.
    pub(crate) fn close(&mut self, key: ConnectionKey, reason: &CloseReason) {
        if *reason == CloseReason::Slow {
            return self.close_slow(key);
        }
        let settings = Rc::clone(&self.settings);
        if self.turn_away(key, reason) {
            return;
        }
        let Some(open) = self.connections[key as usize].open() else { return };
        let codec = settings.codec(open.variant.codec);
        self.counters().disconnects.add(label(reason), 1);
        self.part(key, reason);
        if codec.framing() == Framing::EventStream {
            self.encode_for(key, |codec, out| codec.encode_farewell(reason, out));
            return self.leave_open(key, false);
        }
        let (code, words) = codec.close_code(reason);
        self.close_frame(key, code, &words, false);
    }

    /// The connection talks no more: what it gained is still written, then it ends.
    pub(crate) fn leave_open(&mut self, key: ConnectionKey, peer_done: bool) {
        self.forget_client(key);
        let deadline = self.now.after(CLOSING_MS);
        let connection = &mut self.connections[key as usize];
        connection.stage = Stage::Closing { deadline, peer_done };
        self.touch(key);
        self.plan(key);
    }

    /// The connection cannot be addressed any more.
    fn forget_client(&mut self, key: ConnectionKey) {
        // Unless somebody knows better it has left by itself.
        self.part(key, &CloseReason::Normal);
        let Some(open) = self.connections[key as usize].open() else { return };
        let user = open.session.user().clone();
        if user.is_anonymous() {
            return;
        }
        if let Some(keys) = self.users.get_mut(&user) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.users.remove(&user);
            }
            self.settings.node.depart(&user);
        }
    }

    /// Drops a connection at once, telling its session.
    pub(crate) fn remove(&mut self, key: ConnectionKey) {
        self.tell(key, Input::Gone);
        if !self.connections.contains(key as usize) {
            return;
        }
        self.forget_client(key);
        let mut connection = self.connections.remove(key as usize);
        if let Some(address) = connection.visit.as_ref().and_then(|visit| visit.address.as_ref()) {
            self.settings.node.leave_address(address);
        }
        self.outcome.forget(key);
        // The descriptor is closed next, which ends its registration in any case.
        let _ = self.poll.registry().deregister(&mut connection.socket);
        self.settings.connections.fetch_sub(1, Ordering::Relaxed);
        self.counters().connections.add(-1);
    }
}

fn parting(reason: &CloseReason) -> Parting {
    let custom = match reason {
        CloseReason::Custom(code, words) => Some((*code, words.as_ref().into())),
        _ => None,
    };
    Parting { reason: label(reason).text(), custom }
}

/// What a closing is counted as.
pub(crate) fn label(reason: &CloseReason) -> Closed {
    match reason {
        CloseReason::Normal => Closed::Normal,
        CloseReason::Shutdown => Closed::Shutdown,
        CloseReason::Internal => Closed::Internal,
        CloseReason::Expired => Closed::Expired,
        CloseReason::SubscriptionExpired => Closed::SubscriptionExpired,
        CloseReason::Slow => Closed::Slow,
        CloseReason::InsufficientState => Closed::InsufficientState,
        CloseReason::NoPong => Closed::NoPong,
        CloseReason::TooManyRequests => Closed::TooManyRequests,
        CloseReason::InvalidToken => Closed::InvalidToken,
        CloseReason::BadRequest => Closed::BadRequest,
        CloseReason::Stale => Closed::Stale,
        CloseReason::ForceDisconnect => Closed::ForceDisconnect,
        CloseReason::ConnectionLimit => Closed::ConnectionLimit,
        CloseReason::ChannelLimit => Closed::ChannelLimit,
        CloseReason::InappropriateProtocol => Closed::InappropriateProtocol,
        CloseReason::PermissionDenied => Closed::PermissionDenied,
        CloseReason::Unauthorized => Closed::Unauthorized,
        CloseReason::Unavailable => Closed::Unavailable,
        CloseReason::Custom(..) => Closed::Custom,
    }
}
