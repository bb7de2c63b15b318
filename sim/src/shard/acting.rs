//! Effects of sessions, and how connections end.

use std::sync::Arc;

use trunkline_core::application::Headers;
use trunkline_core::channel::ChannelName;
use trunkline_core::error::CloseReason;
use trunkline_core::gate::Policy;
use trunkline_core::hub::{ConnectionKey, Feed, Released};
use trunkline_core::identity::UserId;
use trunkline_core::position::Position;
use trunkline_core::rate::Rates;
use trunkline_core::reply::Push;
use trunkline_core::session::{Effect, Input, Surroundings};
use trunkline_node::Asker;

use crate::pipe::Frame;

use super::outbox::Queue;
use super::{NoTokens, SimShard, Stage};

/// How long a closed connection may take to read its last words, in milliseconds.
const CLOSING_MS: u64 = 5_000;

impl SimShard {
    /// Tells a session what happened, and does what it wants.
    pub(super) fn tell(&mut self, key: ConnectionKey, input: Input<'_>) {
        let mut effects = Vec::new();
        let mut next = Some(input);
        while let Some(input) = next {
            self.ask_session(key, input, &mut effects);
            for effect in effects.drain(..) {
                self.act(key, effect);
            }
            // Only now: what the session wanted before it knew comes first.
            next = self.missed.pop().map(|(channel, at)| Input::Missed { channel, at });
        }
    }

    fn ask_session(&mut self, key: ConnectionKey, input: Input<'_>, effects: &mut Vec<Effect>) {
        let hub = &self.hub;
        let node = Arc::clone(&self.node);
        let connection = self.connections.get_mut(key as usize).and_then(Option::as_mut);
        let Some(open) = connection.filter(|c| c.stage == Stage::Open) else { return };
        let around = Surroundings {
            gate: &NoTokens,
            policy: Policy { anonymous: true, insecure: true, ..Policy::default() },
            namespaces: &node.namespaces,
            limits: &node.limits,
            names: &|text| hub.name(text),
            positions: &|channel| hub.position_of(key, channel),
            hears_at_once: node.hears_at_once(),
            per_connection: &Rates::default(),
            admit: &|_, _| Ok(()),
            objects: &|_, _| None,
            seat: &|channel, options| node.seat(channel, options),
            now: self.now,
            wall: self.wall,
        };
        open.session.handle(input, &around, effects);
    }

    fn act(&mut self, key: ConnectionKey, effect: Effect) {
        match effect {
            Effect::Reply { id, result } => self.give(key, Frame::Reply(id, result)),
            Effect::Push(push) => self.give(key, Frame::Push(push)),
            Effect::Connected { user } => self.connected(key, user),
            // Nobody logs in later.
            Effect::Bound { .. } => {}
            Effect::Attend { channel } => {
                if self.hub.attend(key, &channel) {
                    self.node.listen(self.index, &channel);
                }
            }
            Effect::Listen { channel, joins, overflow } => {
                let Some(open) = self.open(key) else { return };
                let variant = open.variant;
                if self.hub.listen(key, &channel, variant, joins, overflow) {
                    self.node.listen(self.index, &channel);
                }
            }
            Effect::Hold { channel, joins, delta } => {
                let Some(open) = self.open(key) else { return };
                let variant = open.variant;
                if self.hub.hold(key, &channel, variant, joins, delta) {
                    self.node.listen(self.index, &channel);
                }
            }
            Effect::Release { channel, after } => self.release(key, &channel, &after),
            Effect::Park { channel } => self.park(key, &channel),
            Effect::Skip { channel, reason } => {
                if let Some(position) = self.hub.skip(key, &channel) {
                    self.give(key, Frame::Push(Push::Gap { channel, reason, position }));
                }
            }
            Effect::Drain => {
                if let Some(open) = self.connections[key as usize].as_mut() {
                    open.drains = true;
                    self.outcome.drained.push(key);
                }
            }
            Effect::Lost(_) => {}
            Effect::Unlisten { channel } => {
                if self.hub.unlisten(key, &channel) == Some(true) {
                    self.node.unlisten(self.index, &channel);
                }
            }
            Effect::Enter { channel, info } => self.node.enter(&channel, &info),
            Effect::Exit { channel, info } => self.node.exit(&channel, &info),
            Effect::Ask { ticket, ask } => {
                let Some(open) = self.open(key) else { return };
                let client = open.session.client();
                let (shard, connection, headers) = (self.index, key, Headers::default());
                self.node.ask(Asker { shard, connection, client, headers }, ticket, ask);
            }
            Effect::Ping => self.give(key, Frame::Ping),
            Effect::Close(reason) => self.close(key, reason),
        }
    }

    fn connected(&mut self, key: ConnectionKey, user: UserId) {
        let Some(client) = self.open(key).map(|open| open.session.client()) else { return };
        if !user.is_anonymous() {
            self.node.arrive(&user, client);
            self.users.entry(user).or_default().push(key);
        }
    }

    /// Lets a held listener receive what comes, if nothing is missing between `after` and that. Else
    /// its session is to be told.
    fn release(&mut self, key: ConnectionKey, channel: &ChannelName, after: &Position) {
        match self.hub.release(key, channel, after) {
            Released::Listening(messages) => {
                let feed = self.hub.group_of(key, channel).and_then(|(listeners, group)| {
                    self.hub.group_mut(listeners, group).map(|group| group.feed)
                });
                let delta = feed == Some(Feed::First);
                for message in messages {
                    let push = Push::Message { channel: channel.clone(), message, delta };
                    self.give(key, Frame::Push(push));
                }
            }
            Released::Missed => self.missed.push((channel.clone(), after.clone())),
            Released::Ahead | Released::Unknown => {}
        }
    }

    /// Releases a listener again that knew more than had come.
    pub(super) fn release_again(
        &mut self,
        key: ConnectionKey,
        channel: &ChannelName,
        after: &Position,
    ) {
        self.release(key, channel, after);
        if let Some((channel, at)) = self.missed.pop() {
            self.tell(key, Input::Missed { channel, at });
        }
    }

    fn park(&mut self, key: ConnectionKey, channel: &ChannelName) {
        self.hub.park(key, channel);
        let most = self.node.limits.outbound_bytes;
        let connection = self.connections[key as usize].as_mut();
        if let Some(queue) = connection.and_then(|c| c.queue.as_mut())
            && queue.bytes > most
        {
            queue.allowance = queue.bytes;
        }
    }

    /// Closes an open connection.
    fn close(&mut self, key: ConnectionKey, reason: CloseReason) {
        if reason == CloseReason::Slow {
            return self.close_slow(key);
        }
        if self.open(key).is_some() {
            self.give(key, Frame::Close(reason));
            self.leave_open(key);
        }
    }

    /// Ends a connection that does not read what it is sent: everything that waits is dropped, and
    /// the reason is put in its place.
    pub(super) fn close_slow(&mut self, key: ConnectionKey) {
        if self.open(key).is_none() {
            return;
        }
        self.tell(key, Input::Gone);
        let Some(connection) = self.connections[key as usize].as_mut() else { return };
        connection.gained.clear();
        connection.queue = Some(Queue::last_words(Frame::Close(CloseReason::Slow)));
        self.leave_open(key);
    }

    /// The connection talks no more: what it gained is still written, then it ends.
    fn leave_open(&mut self, key: ConnectionKey) {
        self.forget_client(key);
        let deadline = self.now.after(CLOSING_MS);
        if let Some(connection) = self.connections[key as usize].as_mut() {
            connection.stage = Stage::Closing { deadline };
            self.dirty.push(key);
        }
    }

    /// The connection cannot be addressed by its user any more.
    fn forget_client(&mut self, key: ConnectionKey) {
        let Some(open) = self.open(key) else { return };
        let user = open.session.user().clone();
        if let Some(keys) = self.users.get_mut(&user) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.users.remove(&user);
            }
            self.node.depart(&user);
        }
    }

    /// Drops a connection at once, telling its session.
    pub(super) fn remove(&mut self, key: ConnectionKey) {
        self.tell(key, Input::Gone);
        self.forget_client(key);
        let Some(connection) = self.connections[key as usize].take() else { return };
        self.clients.remove(&connection.session.client());
        let Self { outcome, dirty, .. } = self;
        for list in [
            dirty,
            &mut outcome.crowded,
            &mut outcome.drained,
            &mut outcome.slow,
            &mut outcome.done,
        ] {
            list.retain(|other| *other != key);
        }
        connection.pipe.borrow_mut().ended = true;
        self.stirred.push(connection.pipe);
    }
}
