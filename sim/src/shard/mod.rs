//! A shard without sockets and threads: mailbox, sessions, hub and queues as `trunkline-shard` has
//! them, but a turn is a call, and a socket is a [`Pipe`](crate::pipe::Pipe).
//!
//! What differs: a message is handed to its listeners one by one instead of as batches of bytes, and
//! deadlines are kept to the millisecond.

mod acting;
mod delivering;
mod outbox;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::CodecId;
use trunkline_core::command::Request;
use trunkline_core::gate::{Gate, SubscriptionGrant, TokenError};
use trunkline_core::hub::{ConnectionKey, Hub, Variant};
use trunkline_core::identity::{ClientId, Identity, UserId};
use trunkline_core::position::Position;
use trunkline_core::session::{Abilities, Input, Session};
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::Node;
use trunkline_node::event::Event;
use trunkline_node::mailbox::Mailbox;

use crate::client::Up;
use crate::pipe::{Frame, Shared};

use self::outbox::Queue;

/// Nobody has a token here.
pub(crate) struct NoTokens;

impl Gate for NoTokens {
    fn connection(&self, _: &str, _: WallTime) -> Result<Identity, TokenError> {
        Err(TokenError::Invalid)
    }

    fn subscription(&self, _: &str, _: WallTime) -> Result<SubscriptionGrant, TokenError> {
        Err(TokenError::Invalid)
    }
}

/// How far a connection has come.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Closing { deadline: Tick },
}

/// A connection as its shard has it.
struct Connection {
    session: Session,
    variant: Variant,
    stage: Stage,
    /// What it gained in this turn, and the channel of what may be dropped.
    gained: Vec<outbox::Piece>,
    queue: Option<Queue>,
    /// Whether its session wants to know when everything is out.
    drains: bool,
    pipe: Shared,
}

/// What writing came to, to be acted upon when no list is being walked.
#[derive(Default)]
struct Outcome {
    crowded: Vec<ConnectionKey>,
    drained: Vec<ConnectionKey>,
    slow: Vec<ConnectionKey>,
    done: Vec<ConnectionKey>,
}

/// One shard.
pub struct SimShard {
    index: usize,
    node: Arc<Node>,
    mailbox: Arc<Mailbox<Event>>,
    rung: Arc<AtomicBool>,
    hub: Hub,
    connections: Vec<Option<Connection>>,
    clients: BTreeMap<ClientId, ConnectionKey>,
    users: BTreeMap<UserId, Vec<ConnectionKey>>,
    dirty: Vec<ConnectionKey>,
    outcome: Outcome,
    missed: Vec<(ChannelName, Position)>,
    inbox: VecDeque<(ClientId, Up)>,
    roomy: Vec<ClientId>,
    now: Tick,
    wall: WallTime,
    /// Pipes that were written to, for whoever moves what is in them.
    pub stirred: Vec<Shared>,
    /// The millisecond of the turn that is due, if one is.
    pub turn_at: Option<u64>,
}

impl SimShard {
    /// A shard without connections, woken through `rung`.
    #[must_use]
    pub fn new(
        index: usize,
        node: Arc<Node>,
        mailbox: Arc<Mailbox<Event>>,
        rung: Arc<AtomicBool>,
    ) -> Self {
        Self {
            index,
            node,
            mailbox,
            rung,
            hub: Hub::default(),
            connections: Vec::new(),
            clients: BTreeMap::new(),
            users: BTreeMap::new(),
            dirty: Vec::new(),
            outcome: Outcome::default(),
            missed: Vec::new(),
            inbox: VecDeque::new(),
            roomy: Vec::new(),
            now: Tick(0),
            wall: WallTime(0),
            stirred: Vec::new(),
            turn_at: None,
        }
    }

    /// Takes a connection, with what it asks for by its URL.
    pub fn accept(
        &mut self,
        client: ClientId,
        abilities: Abilities,
        pipe: Shared,
        requests: Vec<Request<'static>>,
        now: Tick,
    ) {
        self.now = now;
        let session = Session::new(client, abilities, now, &self.node.limits);
        let variant = Variant { codec: CodecId(u8::from(abilities.gaps)), window_bits: 0 };
        let connection = Connection {
            session,
            variant,
            stage: Stage::Open,
            gained: Vec::new(),
            queue: None,
            drains: false,
            pipe,
        };
        let free = self.connections.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.connections[at] = Some(connection);
        self.clients.insert(client, ConnectionKey::try_from(at).unwrap_or(ConnectionKey::MAX));
        self.inbox.extend(requests.into_iter().map(|request| (client, Up::Opened(request))));
    }

    /// Something of a client has come.
    pub fn take(&mut self, client: ClientId, up: Up) {
        self.inbox.push_back((client, up));
    }

    /// A client has read, so that there is room.
    pub fn has_room(&mut self, client: ClientId) {
        if !self.roomy.contains(&client) {
            self.roomy.push(client);
        }
    }

    /// Whether somebody has stirred the shard since it went to sleep.
    pub fn was_rung(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }

    /// One turn: what came in, then what goes out. Returns the millisecond of the next one, if there
    /// is a reason for it.
    pub fn turn(&mut self, now: Tick, wall: WallTime) -> Option<u64> {
        (self.now, self.wall) = (now, wall);
        self.mailbox.woke();
        for client in std::mem::take(&mut self.roomy) {
            if let Some(&key) = self.clients.get(&client) {
                self.writable(key);
            }
        }
        while let Some((client, up)) = self.inbox.pop_front() {
            self.take_up(client, up);
        }
        let mut mail = Vec::new();
        self.mailbox.drain(&mut mail);
        for event in mail {
            self.receive(event);
        }
        self.keep_deadlines();
        self.write_all();
        if !self.mailbox.may_sleep() {
            return Some(now.0);
        }
        self.next_deadline().map(|then| then.0.max(now.0 + 1))
    }

    fn take_up(&mut self, client: ClientId, up: Up) {
        let Some(&key) = self.clients.get(&client) else { return };
        if self.open(key).is_none() {
            return;
        }
        match up {
            Up::Opened(request) => self.tell(key, Input::Opened(request)),
            Up::Command(command) => self.tell(key, Input::Command(command)),
            Up::Pong => {
                if self.open(key).is_some_and(|open| open.session.awaits_pong()) {
                    let command =
                        trunkline_core::command::Command { id: 0, request: Request::Pong };
                    self.tell(key, Input::Command(command));
                }
            }
            Up::Gone => self.remove(key),
        }
    }

    fn receive(&mut self, event: Event) {
        match event {
            // Nobody takes tokens back.
            Event::Revoked(_) => {}
            Event::Deliver { channel, message } => self.deliver(&channel, &message),
            Event::Doubt { channel } => self.doubt(&channel),
            Event::Answer { connection, client, ticket, answer } => {
                if self.open(connection).is_some_and(|open| open.session.client() == client) {
                    self.tell(connection, Input::Answer(ticket, answer));
                }
            }
            Event::Control(control) => {
                let keys = self.users.get(&control.target.user).cloned().unwrap_or_default();
                for key in keys {
                    let Some(open) = self.open(key) else { continue };
                    if control.target.includes(open.session.client()) {
                        self.tell(key, Input::Control(control.action.clone()));
                    }
                }
            }
            Event::Survey(survey) => {
                survey.report(self.hub.channels().map(|l| (l.channel(), l.len())));
            }
            Event::Connections(survey) => survey.report(std::iter::empty()),
            // Rooms have a front of their own; and nodes end here only by crashing.
            Event::Command { .. } | Event::Drain { .. } | Event::Stop => {}
        }
    }

    fn keep_deadlines(&mut self) {
        for at in 0..self.connections.len() {
            let key = ConnectionKey::try_from(at).unwrap_or(ConnectionKey::MAX);
            let Some(connection) = &self.connections[at] else { continue };
            match connection.stage {
                Stage::Open if connection.session.wake_at() <= self.now => {
                    self.tell(key, Input::Timer);
                }
                Stage::Closing { deadline } if deadline <= self.now => self.remove(key),
                Stage::Open | Stage::Closing { .. } => {}
            }
        }
    }

    fn next_deadline(&self) -> Option<Tick> {
        let deadline = |connection: &Connection| match connection.stage {
            Stage::Open => connection.session.wake_at(),
            Stage::Closing { deadline } => deadline,
        };
        self.connections.iter().flatten().map(deadline).min()
    }

    fn open(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(key as usize)?.as_mut()?;
        (connection.stage == Stage::Open).then_some(connection)
    }

    /// Gives a connection something that it alone is told.
    fn give(&mut self, key: ConnectionKey, frame: Frame) {
        self.give_piece(key, outbox::Piece { frame, loose: None });
    }

    fn give_piece(&mut self, key: ConnectionKey, piece: outbox::Piece) {
        let Some(connection) = self.connections.get_mut(key as usize).and_then(Option::as_mut)
        else {
            return;
        };
        connection.gained.push(piece);
        if !self.dirty.contains(&key) {
            self.dirty.push(key);
        }
    }

    /// Channels with listeners here.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.hub.channel_count()
    }

    /// Connections, those that are closing included.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.iter().flatten().count()
    }

    /// Events that wait in the mailbox, commands that wait, and frames that wait in queues.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let queues = self.connections.iter().flatten().filter_map(|c| c.queue.as_ref());
        self.inbox.len() + queues.map(Queue::len).sum::<usize>()
    }

    /// The connections whose sessions live, and the channels of each.
    pub fn sessions(&self) -> impl Iterator<Item = (ClientId, Vec<ChannelName>)> {
        let open = self.connections.iter().flatten().filter(|c| c.stage == Stage::Open);
        open.map(|c| (c.session.client(), c.session.channels().cloned().collect()))
    }
}
