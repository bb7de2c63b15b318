//! The load generator: one thread, one epoll, thousands of client connections.
//!
//! It takes every connection through its dialogue, counts what each receives, and asks a [`Load`]
//! who shall publish next.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::error::{BenchError, Doing};
use crate::instrument::connection::{Connection, Dialogue, Phase, Plan};
use crate::instrument::deaf::Deaf;
use crate::instrument::hearing::{Hearing, gone, hear};
use crate::instrument::interrupt::Interrupt;
use crate::instrument::load::{Load, Seen, Silence, Speech};

/// Events taken from the kernel per turn.
const EVENTS: usize = 1024;
/// Bytes of one `recv`.
const RECEIVE: usize = 256 * 1024;
/// Connections being made at any time when many are wanted.
const OPENING: u32 = 128;
/// The longest a turn waits for events, so that ^C and deadlines are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// Nothing moving for this long means that nothing will.
pub(crate) const STALLED: Duration = Duration::from_secs(10);

/// The load generator.
pub(crate) struct Generator {
    epoll: OwnedFd,
    /// Where connections go, by turns.
    addresses: Vec<SocketAddr>,
    dialogue: Dialogue,
    interrupt: Interrupt,
    events: Vec<Event>,
    buffer: Vec<u8>,
    connections: Vec<Option<Connection>>,
    /// Places among the connections that are empty.
    vacant: Vec<u32>,
    opened: u64,
    /// Connections that are not ready yet.
    opening: u32,
    /// Connections that became ready since somebody asked.
    ready: Vec<u32>,
    speeches: Vec<Speech>,
    /// Several publications of one publisher, on their way in one send.
    joined: Vec<u8>,
    seen: Seen,
}

impl Generator {
    /// A generator without connections.
    ///
    /// # Errors
    /// There is no epoll to be had.
    pub(crate) fn new(
        address: SocketAddr,
        dialogue: Dialogue,
        interrupt: Interrupt,
    ) -> Result<Self, BenchError> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC).doing("creating an epoll")?,
            addresses: vec![address],
            dialogue,
            interrupt,
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; RECEIVE],
            connections: Vec::new(),
            vacant: Vec::new(),
            opened: 0,
            opening: 0,
            ready: Vec::new(),
            speeches: Vec::new(),
            joined: Vec::new(),
            seen: Seen::default(),
        })
    }

    /// The same, with connections that go by turns to this address too: another node, which hears
    /// and says the same.
    pub(crate) fn and_to(mut self, address: SocketAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// What was seen so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// How many connections are on their way to being ready.
    pub(crate) fn opening(&self) -> u32 {
        self.opening
    }

    /// Connections that became ready since the last call.
    pub(crate) fn take_ready(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.ready)
    }

    /// Begins one connection and returns its number.
    ///
    /// # Errors
    /// There are no more files or ports.
    pub(crate) fn open(&mut self, plan: Plan) -> Result<u32, BenchError> {
        let address = self.addresses[self.opened as usize % self.addresses.len()];
        let connection = Connection::open(address, self.opened, plan)?;
        self.opened += 1;
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() as u32 - 1
        });
        // Edge-triggered: a read that does not fill the buffer has emptied the socket.
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        epoll::add(&self.epoll, &connection.socket, EventData::new_u64(index.into()), flags)
            .doing("watching a connection")?;
        self.connections[index as usize] = Some(connection);
        self.opening += 1;
        Ok(index)
    }

    /// Makes connections, a bounded number at a time, and waits until all are ready. Their numbers
    /// are consecutive when none was closed before.
    ///
    /// # Errors
    /// One of them fails, or nothing moves.
    pub(crate) fn open_all(
        &mut self,
        plans: impl IntoIterator<Item = Plan>,
    ) -> Result<Range<u32>, BenchError> {
        let first = self.connections.len() as u32;
        let mut plans = plans.into_iter().fuse();
        let mut moved = Instant::now();
        loop {
            while self.opening < OPENING
                && let Some(plan) = plans.next()
            {
                self.open(plan)?;
            }
            if self.opening == 0 {
                self.ready.clear();
                return Ok(first..self.connections.len() as u32);
            }
            self.turn(TICK, &mut Silence)?;
            if !self.take_ready().is_empty() {
                moved = Instant::now();
            } else if moved.elapsed() > STALLED {
                return Err(stalled("connections were being made"));
            }
        }
    }

    /// Keeps all connections alive, answering pings, for a while.
    ///
    /// # Errors
    /// One of them fails.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), BenchError> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left.min(TICK), &mut Silence)?;
        }
    }

    /// Waits for events, at most `wait`, and handles one batch of them.
    ///
    /// # Errors
    /// A connection is closed or answered wrongly, or somebody pressed ^C.
    pub(crate) fn turn<L: Load>(&mut self, wait: Duration, load: &mut L) -> Result<(), BenchError> {
        self.interrupt.check()?;
        let timeout =
            Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).doing("waiting for events"),
        }
        for at in 0..self.events.len() {
            let Event { flags, data, .. } = self.events[at];
            self.handle(data.u64() as u32, flags, load)?;
            if !self.speeches.is_empty() {
                let speeches = std::mem::take(&mut self.speeches);
                self.publish(&speeches)?;
                self.speeches = speeches;
                self.speeches.clear();
            }
        }
        Ok(())
    }

    /// Publishes; consecutive publications of one connection leave in one send.
    ///
    /// # Errors
    /// A socket does not take them.
    pub(crate) fn publish(&mut self, speeches: &[Speech]) -> Result<(), BenchError> {
        for same in speeches.chunk_by(|one, next| one.connection == next.connection) {
            let Some(connection) = &mut self.connections[same[0].connection as usize] else {
                return Err(BenchError::Protocol("a publisher is gone".into()));
            };
            self.seen.published += same.len() as u64;
            if let [speech] = same {
                connection.send(&self.dialogue.publish[usize::from(speech.channel)])?;
                continue;
            }
            self.joined.clear();
            for speech in same {
                let frame = &self.dialogue.publish[usize::from(speech.channel)];
                self.joined.extend_from_slice(frame);
            }
            connection.send(&self.joined)?;
        }
        Ok(())
    }

    fn handle<L: Load>(
        &mut self,
        index: u32,
        flags: EventFlags,
        load: &mut L,
    ) -> Result<(), BenchError> {
        let Some(connection) = &mut self.connections[index as usize] else { return Ok(()) };
        if connection.phase == Phase::Connecting && flags.contains(EventFlags::OUT) {
            connection.send(&self.dialogue.upgrade)?;
            connection.phase = Phase::Upgrading;
        }
        if !flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
            return Ok(());
        }
        loop {
            let count = match connection.socket.read(&mut self.buffer) {
                Ok(0) => return Err(gone(index, "was closed by the server")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).doing(&format!("reading connection {index}")),
            };
            self.seen.reads += 1;
            let bytes = &self.buffer[..count];
            let hearing = Hearing {
                dialogue: &self.dialogue,
                seen: &mut self.seen,
                speeches: &mut self.speeches,
            };
            let was_ready = connection.phase == Phase::Ready;
            hear(connection, index, bytes, hearing, load)?;
            if !was_ready && connection.phase == Phase::Ready {
                self.opening -= 1;
                self.ready.push(index);
            }
            if count < self.buffer.len() {
                return Ok(());
            }
        }
    }

    /// Closes a connection by a reset.
    pub(crate) fn close(&mut self, index: u32) {
        if let Some(connection) = self.connections[index as usize].take() {
            if connection.phase != Phase::Ready {
                self.opening -= 1;
            }
            self.vacant.push(index);
        }
    }

    /// Closes all connections by resets, at once.
    pub(crate) fn close_all(&mut self) {
        self.connections.clear();
        self.vacant.clear();
        self.ready.clear();
        self.opening = 0;
    }

    /// Stops reading a connection for good; it no longer counts among the subscribers.
    ///
    /// # Errors
    /// It cannot be unwatched.
    pub(crate) fn deafen(&mut self, index: u32) -> Result<Option<Deaf>, BenchError> {
        let Some(connection) = self.connections[index as usize].take() else { return Ok(None) };
        epoll::delete(&self.epoll, &connection.socket).doing("no longer watching")?;
        Ok(Some(Deaf(connection)))
    }

    /// How many deliveries are missing or surplus, when `published` says how many publications each
    /// channel had.
    pub(crate) fn lost(&self, published: &[u32]) -> u64 {
        let connections = self.connections.iter().flatten();
        connections
            .filter_map(|connection| {
                let expected = published.get(usize::from(connection.channel?))?;
                Some(u64::from(expected.abs_diff(connection.received)))
            })
            .sum()
    }
}

/// Nothing has moved for too long.
pub(crate) fn stalled(what: &str) -> BenchError {
    BenchError::Stalled { what: what.to_owned(), seconds: STALLED.as_secs() }
}
