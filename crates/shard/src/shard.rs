//! The loop, and what a turn consists of.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use smallvec::SmallVec;

use trunkline_core::channel::ChannelName;
use trunkline_core::hub::{ConnectionKey, Hub};
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::limits::MAILBOX_EVENTS;
use trunkline_core::position::Position;
use trunkline_core::session::{Effect, Input};
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::event::Event;
use trunkline_node::mailbox::Mailbox;
use trunkline_telemetry::{ShardCounters, UpgradeFailure};
use trunkline_transport::{Deflater, Inflater};

use crate::connection::{Connection, NOWHERE, Stage};
use crate::ids::Ids;
use crate::outbox::Outcome;
use crate::settings::{Intake, Listening, Settings};
use crate::turn::Turn;
use crate::wheel::Wheel;

/// Socket events taken from the operating system at a time.
const EVENTS: usize = 1024;

/// The buffer all connections of a shard are read through: as much as a client may send at once
/// without a second call, and small enough to stay in the cache.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Sockets another shard may have accepted for this one before they are turned away.
const INTAKE: usize = 4096;

/// Bytes a buffer for encoding keeps between turns.
const SCRATCH_KEPT: usize = 256 * 1024;

/// Events the mailbox's buffers keep room for between turns.
const MAIL_KEPT: usize = 4096;

/// The token of the waker; those above are listeners, those below connections.
const WAKER: Token = Token(usize::MAX);
const FIRST_LISTENER: usize = usize::MAX - 64;

/// The ways into a shard from other threads, and its poll.
pub struct ShardHandle {
    poll: Poll,
    /// Events from the node.
    pub mailbox: Arc<Mailbox<Event>>,
    /// Sockets from other shards.
    pub intake: Intake,
}

impl ShardHandle {
    /// Makes the ways in, before anything that needs them.
    ///
    /// # Errors
    /// The operating system has no more descriptors.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let wake = || {
            let waker = Arc::clone(&waker);
            // A wake-up can only fail when the poll is gone, and the shard with it.
            Box::new(move || drop(waker.wake()))
        };
        let mailbox = Arc::new(Mailbox::new(MAILBOX_EVENTS, wake()));
        let intake = Arc::new(Mailbox::new(INTAKE, wake()));
        Ok(Self { poll, mailbox, intake })
    }
}

/// One event loop.
pub struct Shard {
    pub(crate) index: usize,
    pub(crate) settings: Rc<Settings>,
    pub(crate) poll: Poll,
    pub(crate) mailbox: Arc<Mailbox<Event>>,
    pub(crate) intake: Intake,
    /// The intakes of all shards, for listeners whose connections are for all.
    pub(crate) intakes: Vec<Intake>,
    pub(crate) next_intake: usize,
    pub(crate) listeners: Vec<Listening>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) hub: Hub,
    /// The connections of each user, for those who address a user.
    pub(crate) users: HashMap<UserId, SmallVec<[ConnectionKey; 2]>>,
    /// Those who were let in, for commands that come another way than over their socket.
    pub(crate) clients: HashMap<ClientId, ConnectionKey>,
    pub(crate) turn: Turn,
    /// Connections that gained something in this turn, each once.
    pub(crate) dirty: Vec<ConnectionKey>,
    /// Connections that may have more to read than was read.
    pub(crate) unread: Vec<ConnectionKey>,
    /// Whom to send away when, in order of time, once the shard takes no more connections.
    pub(crate) leaving: VecDeque<(Tick, ConnectionKey)>,
    pub(crate) outcome: Outcome,
    /// What the session that is being told something has missed, and up to where it has not.
    pub(crate) missed: Vec<(ChannelName, Position)>,
    /// Listeners at which somebody may still wait, and when to look.
    pub(crate) waiting: Vec<(Tick, usize)>,
    pub(crate) ids: Ids,
    pub(crate) wheel: Wheel,
    pub(crate) now: Tick,
    pub(crate) wall: WallTime,
    pub(crate) state: State,
    pub(crate) read_buffer: Vec<u8>,
    pub(crate) scratch: Scratch,
    pub(crate) inflater: Inflater,
    pub(crate) effects: Vec<Effect>,
    mail: Vec<Event>,
}

/// Whether a shard takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Serving,
    /// No more; those there are leave.
    Draining,
    /// To end as soon as the last connection is gone.
    Stopping,
}

/// Memory that encoding uses again and again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) message: Vec<u8>,
    pub(crate) frame: Vec<u8>,
    pub(crate) deflated: Vec<u8>,
    pub(crate) deflater: Deflater,
}

impl Scratch {
    /// Gives back what an unusually large message needed.
    pub(crate) fn give_back(&mut self) {
        for buffer in [&mut self.message, &mut self.frame, &mut self.deflated] {
            if buffer.capacity() > SCRATCH_KEPT {
                *buffer = Vec::new();
            }
        }
    }
}

impl Shard {
    /// A shard without connections, to be made on the thread it runs on. `intakes` are those of
    /// all shards, this one's included.
    #[must_use]
    pub fn new(
        index: usize,
        settings: Settings,
        handle: ShardHandle,
        intakes: Vec<Intake>,
        listeners: Vec<Listening>,
    ) -> Self {
        let ShardHandle { poll, mailbox, intake } = handle;
        Self {
            index,
            settings: Rc::new(settings),
            poll,
            mailbox,
            intake,
            intakes,
            next_intake: 0,
            listeners,
            connections: Slab::new(),
            hub: Hub::default(),
            users: HashMap::new(),
            clients: HashMap::new(),
            turn: Turn::new(),
            dirty: Vec::new(),
            unread: Vec::new(),
            leaving: VecDeque::new(),
            outcome: Outcome::default(),
            missed: Vec::new(),
            waiting: Vec::new(),
            ids: Ids::default(),
            wheel: Wheel::new(Tick(0)),
            now: Tick(0),
            wall: WallTime(0),
            state: State::Serving,
            read_buffer: vec![0; READ_BUFFER_BYTES],
            scratch: Scratch::default(),
            inflater: Inflater::new(),
            effects: Vec::new(),
            mail: Vec::new(),
        }
    }

    /// Runs until it is told to stop and the last connection is gone.
    ///
    /// # Errors
    /// The operating system refuses to watch a listener or to wait.
    pub fn run(mut self) -> io::Result<()> {
        for (at, listening) in self.listeners.iter_mut().enumerate() {
            let token = Token(FIRST_LISTENER + at);
            self.poll.registry().register(&mut listening.acceptor, token, Interest::READABLE)?;
        }
        let mut events = Events::with_capacity(EVENTS);
        while !(self.state == State::Stopping && self.connections.is_empty()) {
            let timeout = self.patience();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(error);
            }
            self.mailbox.woke();
            self.intake.woke();
            self.look_at_the_clock();
            self.take_turn(&events);
        }
        Ok(())
    }

    /// How long the shard may sleep.
    fn patience(&mut self) -> Option<Duration> {
        let quiet = self.mailbox.may_sleep() & self.intake.may_sleep();
        if !quiet || !self.unread.is_empty() {
            return Some(Duration::ZERO);
        }
        self.look_at_the_clock();
        let farewell = self.leaving.front().map(|(when, _)| when.since(self.now));
        let waiting = self.waiting.iter().map(|(when, _)| when.since(self.now));
        let next = self.wheel.next_in(self.now).into_iter().chain(farewell).chain(waiting).min();
        next.map(Duration::from_millis)
    }

    fn take_turn(&mut self, events: &Events) {
        for key in std::mem::take(&mut self.unread) {
            if let Some(connection) = self.connections.get_mut(key as usize) {
                connection.unread = false;
                self.read_from(key);
            }
        }
        self.accept_waiting();
        for event in events {
            match event.token() {
                WAKER => {}
                Token(at) if at >= FIRST_LISTENER => self.accept_from(at - FIRST_LISTENER),
                Token(at) => {
                    let key = ConnectionKey::try_from(at).unwrap_or(ConnectionKey::MAX);
                    if event.is_writable() {
                        self.writable(key);
                    }
                    let ended = event.is_read_closed() || event.is_error();
                    if ended || event.is_readable() {
                        self.readable(key, ended);
                    }
                }
            }
        }
        self.adopt_all();
        let mut mail = std::mem::take(&mut self.mail);
        self.mailbox.drain(&mut mail);
        for event in mail.drain(..) {
            self.receive(event);
            self.write_if_much();
        }
        // A burst is not to be paid for ever after.
        mail.shrink_to(MAIL_KEPT);
        self.mail = mail;
        self.keep_deadlines();
        self.send_away();
        self.write_all();
    }

    /// A socket has something to read, or has come to its end.
    fn readable(&mut self, key: ConnectionKey, ended: bool) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        connection.ended |= ended;
        // Whoever had his share waits for the next turn.
        if !connection.unread {
            self.read_from(key);
            self.write_if_much();
        }
    }

    /// What this shard counts.
    pub(crate) fn counters(&self) -> &ShardCounters {
        self.settings.node.metrics.shard(self.index)
    }

    fn look_at_the_clock(&mut self) {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.now = Tick(millis(self.settings.started.elapsed()));
        // A clock before 1970 is read as 1970: tokens then have not expired.
        self.wall =
            WallTime(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()));
    }

    fn keep_deadlines(&mut self) {
        while let Some((step, keys)) = self.wheel.due(self.now) {
            for key in keys {
                let Some(connection) = self.connections.get_mut(key as usize) else { continue };
                // Left behind by a deadline that was moved, or by an earlier owner of the key.
                if connection.step != step {
                    continue;
                }
                connection.step = NOWHERE;
                if connection.deadline() <= self.now {
                    self.deadline_passed(key);
                }
                self.plan(key);
            }
        }
    }

    fn deadline_passed(&mut self, key: ConnectionKey) {
        match &self.connections[key as usize].stage {
            Stage::Open(_) => self.tell(key, Input::Timer),
            Stage::Head(_) => {
                self.counters().upgrade_errors.add(UpgradeFailure::Timeout, 1);
                self.remove(key);
            }
            Stage::Closing { .. } => self.remove(key),
        }
    }

    /// Makes sure that the connection is asked no later than at its deadline.
    pub(crate) fn plan(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let deadline = connection.deadline();
        if connection.step == NOWHERE || Wheel::step_of(deadline) < connection.step {
            connection.step = self.wheel.place(key, deadline);
        }
    }
}
