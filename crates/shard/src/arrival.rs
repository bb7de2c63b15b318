//! Accepting connections, and adopting what another shard accepted.

use std::io;
use std::sync::atomic::Ordering;

use mio::{Interest, Token};

use trunkline_core::hub::ConnectionKey;
use trunkline_core::time::Tick;
use trunkline_telemetry::Refused;
use trunkline_transport::Socket;

use crate::connection::Connection;
use crate::shard::{Shard, State};

/// Connections accepted at one listener in a turn.
const ARRIVALS_PER_TURN: usize = 256;

/// Milliseconds to wait before accepting again when the system had no descriptor to give.
const ACCEPT_AGAIN_MS: u64 = 100;

impl Shard {
    /// Takes those who wait at a listener, though not so many that others have to wait long.
    pub(crate) fn accept_from(&mut self, listener: usize) {
        // Its time has not come: an arrival tells nothing new.
        if self.waiting.iter().any(|(_, waiting)| *waiting == listener) {
            return;
        }
        for _ in 0..ARRIVALS_PER_TURN {
            let Some(listening) = self.listeners.get(listener) else { return };
            match listening.acceptor.accept() {
                Ok(socket) if listening.spread => self.pass_on(socket),
                Ok(socket) => self.arrive(socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // One connection failed before it was taken; the others are well.
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    self.counters().refused.add(Refused::Accept, 1);
                    self.waiting.push((self.now.after(ACCEPT_AGAIN_MS), listener));
                    return;
                }
            }
        }
        self.waiting.push((self.now, listener));
    }

    /// Looks again at listeners where somebody may still wait: the system tells of them once.
    pub(crate) fn accept_waiting(&mut self) {
        let now = self.now;
        let (due, later) = self.waiting.drain(..).partition(|(when, _)| *when <= now);
        self.waiting = later;
        let due: Vec<(Tick, usize)> = due;
        for (_, listener) in due {
            self.accept_from(listener);
        }
    }

    /// Gives a socket to the next shard in turn.
    fn pass_on(&mut self, socket: Socket) {
        self.next_intake = (self.next_intake + 1) % self.intakes.len();
        if self.next_intake == self.index {
            return self.arrive(socket);
        }
        let intake = &self.intakes[self.next_intake];
        if intake.is_full() {
            self.counters().refused.add(Refused::Overload, 1);
        } else {
            intake.push(socket);
        }
    }

    /// Takes what other shards have accepted for this one.
    pub(crate) fn adopt_all(&mut self) {
        let mut sockets = Vec::new();
        self.intake.drain(&mut sockets);
        for socket in sockets {
            self.arrive(socket);
        }
    }

    fn arrive(&mut self, socket: Socket) {
        if self.state != State::Serving {
            return self.counters().refused.add(Refused::Shutdown, 1);
        }
        let settings = &self.settings;
        let socket = match (socket, &settings.tls) {
            (Socket::Tcp(stream), Some(tls)) => tls.accept(stream),
            (socket, _) => Ok(socket),
        };
        let Ok(socket) = socket else { return self.counters().refused.add(Refused::Tls, 1) };
        let most = settings.node.limits.connections;
        if settings.connections.fetch_add(1, Ordering::Relaxed) >= most {
            settings.connections.fetch_sub(1, Ordering::Relaxed);
            return self.counters().refused.add(Refused::Limit, 1);
        }
        self.counters().connections.add(1);
        let deadline = self.now.after(self.settings.node.limits.handshake_ms);
        let at = self.connections.insert(Connection::new(socket, deadline));
        let key = ConnectionKey::try_from(at).unwrap_or(ConnectionKey::MAX);
        let socket = &mut self.connections[at].socket;
        if self.poll.registry().register(socket, Token(at), Interest::READABLE).is_err() {
            return self.remove(key);
        }
        self.plan(key);
    }
}

/// Whether an accept failed because of the one connection that was to be taken.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
    )
}
