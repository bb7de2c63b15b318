//! Bytes in.

use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;

use trunkline_core::codec::{Framing, Heartbeat, Incoming};
use trunkline_core::command::{Command, Request};
use trunkline_core::error::CloseReason;
use trunkline_core::hub::ConnectionKey;
use trunkline_core::session::Input;
use trunkline_telemetry::{Closed, Refused};
use trunkline_transport::{Decoder, Event, FrameLimits, Opcode, write_close, write_frame};

use crate::connection::Stage;
use crate::shard::Shard;

/// Full buffers read from one connection in a turn before the others have theirs.
const READS_PER_TURN: usize = 8;

impl Shard {
    /// Reads what a connection has sent.
    pub(crate) fn read_from(&mut self, key: ConnectionKey) {
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let mut reads = 0;
        while let Some(connection) = self.connections.get_mut(key as usize) {
            if reads == READS_PER_TURN {
                connection.unread = true;
                self.unread.push(key);
                break;
            }
            reads += 1;
            match connection.socket.read(&mut buffer) {
                Ok(0) => {
                    self.peer_gone(key);
                    break;
                }
                Ok(n) => {
                    let more = connection.ended || connection.socket.more_to_read();
                    let full = n == buffer.len();
                    self.take_bytes(key, &mut buffer[..n]);
                    if !(full || more) {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A TLS handshake may have produced something to send.
                    if connection.socket.has_pending() {
                        self.touch(key);
                    }
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let shakes_hands = matches!(connection.stage, Stage::Head(_));
                    if shakes_hands && error.kind() == io::ErrorKind::InvalidData {
                        self.counters().refused.add(Refused::Tls, 1);
                    }
                    self.remove(key);
                    break;
                }
            }
        }
        self.read_buffer = buffer;
    }

    fn take_bytes(&mut self, key: ConnectionKey, bytes: &mut [u8]) {
        match &mut self.connections[key as usize].stage {
            Stage::Head(_) => self.take_head(key, bytes),
            Stage::Open(_) => self.take_frames(key, bytes),
            Stage::Closing { .. } => {}
        }
    }

    /// The peer has ended its side. What it has coming is still written, then the connection ends:
    /// one that stays open half-way would be of no use.
    fn peer_gone(&mut self, key: ConnectionKey) {
        match &mut self.connections[key as usize].stage {
            Stage::Head(_) => self.remove(key),
            Stage::Open(_) => {
                self.tell(key, Input::Gone);
                self.leave_open(key, true);
            }
            Stage::Closing { peer_done, .. } => {
                *peer_done = true;
                self.touch(key);
            }
        }
    }

    /// Reads the frames of an open connection.
    pub(crate) fn take_frames(&mut self, key: ConnectionKey, bytes: &mut [u8]) {
        let settings = Rc::clone(&self.settings);
        let limits = &settings.node.limits;
        let Some(open) = self.connections[key as usize].open() else { return };
        if settings.codec(open.variant.codec).framing() == Framing::EventStream {
            return;
        }
        // The decoder and the inflater leave their places while the events they yield are acted
        // upon, which may touch anything else of the shard.
        let mut decoder = std::mem::replace(&mut open.decoder, Decoder::new(false));
        let mut inflater = std::mem::take(&mut self.inflater);
        let limits =
            FrameLimits { max_frame: limits.frame_bytes, max_message: limits.message_bytes };
        let outcome = decoder.feed(bytes, &limits, &mut inflater, &mut |event| {
            self.frame(key, event);
            let open = self.connections.get_mut(key as usize).and_then(|c| c.open());
            if open.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.inflater = inflater;
        if let Some(open) = self.connections.get_mut(key as usize).and_then(|c| c.open()) {
            open.decoder = decoder;
        }
        if let Err(error) = outcome {
            self.tell(key, Input::Gone);
            self.counters().disconnects.add(Closed::BadRequest, 1);
            // Its peer may still be sending. Closed at once, with that unread, the connection would
            // be reset, and the reason lost on its way.
            self.close_frame(key, error.close_code(), error.reason(), false);
        }
        self.plan(key);
    }

    fn frame(&mut self, key: ConnectionKey, event: Event<'_>) {
        match event {
            Event::Text(text) => self.message(key, Incoming::Text(text)),
            Event::Binary(bytes) => self.message(key, Incoming::Binary(bytes)),
            Event::Ping(_) if self.is_withheld(key) => {}
            Event::Ping(payload) => {
                self.answer_with(key, |out| write_frame(out, Opcode::Pong, false, payload));
            }
            Event::Pong(_) => {
                // Anybody may send a pong at any time (RFC 6455, section 5.5.3); only one that was
                // asked for means something.
                let settings = Rc::clone(&self.settings);
                let Some(open) = self.connections[key as usize].open() else { return };
                let heartbeat = settings.codec(open.variant.codec).heartbeat();
                if heartbeat == Heartbeat::Frame && open.session.awaits_pong() {
                    self.tell(key, Input::Command(Command { id: 0, request: Request::Pong }));
                }
            }
            Event::Close(close) => {
                self.tell(key, Input::Gone);
                let code = close.map_or(1000, |(code, _)| code);
                self.close_frame(key, code, "", true);
            }
        }
    }

    /// Takes a message of an open connection that came another way than over its socket.
    pub(crate) fn take_message(&mut self, key: ConnectionKey, bytes: &[u8]) {
        let settings = Rc::clone(&self.settings);
        let open = self.connections.get_mut(key as usize).and_then(|c| c.open());
        let Some(open) = open else { return };
        let framing = settings.codec(open.variant.codec).framing();
        // A message of a text protocol that is no text is refused by its codec.
        let incoming = match std::str::from_utf8(bytes) {
            Ok(text) if framing != Framing::Binary => Incoming::Text(text),
            _ => Incoming::Binary(bytes),
        };
        if bytes.len() > settings.node.limits.message_bytes {
            self.tell(key, Input::Gone);
            return self.close(key, &CloseReason::BadRequest);
        }
        self.message(key, incoming);
    }

    fn message(&mut self, key: ConnectionKey, incoming: Incoming<'_>) {
        let settings = Rc::clone(&self.settings);
        let Some(open) = self.connections[key as usize].open() else { return };
        let codec = settings.codec(open.variant.codec);
        let outcome = codec.decode(incoming, &mut |command| {
            self.counters().messages_in.add(1);
            self.tell(key, Input::Command(command));
            let open = self.connections.get_mut(key as usize).and_then(|c| c.open());
            if open.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if outcome.is_err() {
            self.tell(key, Input::Gone);
            self.close(key, &CloseReason::BadRequest);
        }
    }

    /// Sends a close frame as the last thing.
    pub(crate) fn close_frame(
        &mut self,
        key: ConnectionKey,
        code: u16,
        reason: &str,
        peer_done: bool,
    ) {
        if self.turn_away(key, &CloseReason::BadRequest) {
            return;
        }
        self.answer_with(key, |out| write_close(out, code, reason));
        self.leave_open(key, peer_done);
    }
}
