//! Bytes out, and the queue of a socket that would block.

use std::io::{self, IoSlice};
use std::rc::Rc;

use bytes::{Buf, Bytes};
use mio::{Interest, Token};
use slab::Slab;
use smallvec::SmallVec;

use trunkline_core::codec::{Codec, Framing};
use trunkline_core::error::CloseReason;
use trunkline_core::hub::{ConnectionKey, UNMARKED};
use trunkline_core::session::Input;
use trunkline_telemetry::Closed;
use trunkline_transport::write_close;

use crate::connection::{Connection, Open, Queue, Stage};
use crate::shard::Shard;
use crate::turn::{ANSWERS, Marked, OPEN, Stretch, Turn};

/// Pieces passed to the operating system at a time.
const PIECES_PER_WRITE: usize = 16;

/// What a piece in a queue costs beside its bytes.
const PIECE_OVERHEAD: usize = 64;

/// Bytes a turn may gain before they are written (4 MiB), so that neither a burst in the mailbox nor
/// one client's large answers fill the memory.
const TURN_BYTES: usize = 4 * 1024 * 1024;

/// Entries a list of connections keeps room for between turns.
const LIST_KEPT: usize = 16 * 1024;

/// How a write ended.
enum Written {
    /// Everything is out.
    All,
    /// The socket would block; the rest is queued.
    Queued,
    /// More than may be queued.
    TooMuch,
    /// The connection is broken.
    Broken,
}

impl Shard {
    /// Appends a message of the connection's own codec to what it gains in this turn.
    pub(crate) fn encode_for(
        &mut self,
        key: ConnectionKey,
        encode: impl FnOnce(&dyn Codec, &mut Vec<u8>),
    ) {
        let settings = Rc::clone(&self.settings);
        let Some(open) = self.connections[key as usize].open() else { return };
        let variant = open.variant;
        let codec = settings.codec(variant.codec);
        self.scratch.message.clear();
        encode(codec, &mut self.scratch.message);
        if self.scratch.message.is_empty() {
            return;
        }
        self.scratch.frame.clear();
        self.scratch.wrap(codec.framing(), variant.window_bits);
        let frame = std::mem::take(&mut self.scratch.frame);
        self.answer_with(key, |out| out.extend_from_slice(&frame));
        self.scratch.frame = frame;
    }

    /// Appends bytes to what a connection gains in this turn.
    pub(crate) fn answer_with(&mut self, key: ConnectionKey, write: impl FnOnce(&mut Vec<u8>)) {
        self.write_if_much();
        let start = self.turn.len(ANSWERS);
        write(self.turn.answers());
        let end = self.turn.len(ANSWERS);
        if start < end {
            self.turn.gained += (end - start) as usize;
            self.give(key, Stretch { batch: ANSWERS, start, end });
        }
    }

    /// Notes a stretch for a connection.
    pub(crate) fn give(&mut self, key: ConnectionKey, stretch: Stretch) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        match connection.stretches.last_mut() {
            // Answers that stand one behind the other are one stretch.
            Some(last) if last.batch == stretch.batch && last.end == stretch.start => {
                last.end = stretch.end;
            }
            last => {
                if last.is_none() {
                    self.dirty.push(key);
                }
                connection.stretches.push(stretch);
            }
        }
    }

    /// Makes sure that a connection is looked at when the turn ends.
    pub(crate) fn touch(&mut self, key: ConnectionKey) {
        self.dirty.push(key);
    }

    /// A connection leaves a group in the middle of a turn: what the group gained so far is its
    /// own, what comes is not.
    pub(crate) fn end_stretch(&mut self, key: ConnectionKey, batch: u32) {
        let end = self.turn.len(batch);
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let mut open =
            connection.stretches.iter_mut().filter(|s| s.batch == batch && s.end == OPEN);
        match open.next() {
            Some(stretch) => stretch.end = end,
            None => self.give(key, Stretch { batch, start: 0, end }),
        }
    }

    /// Writes everything that was gained in this turn, and ends those that writing has ended.
    pub(crate) fn write_all(&mut self) {
        self.write_out();
        self.scratch.give_back();
        let Outcome { blocked, slow, done } = std::mem::take(&mut self.outcome);
        for key in blocked {
            self.watch(key, true);
        }
        for key in slow {
            self.close_slow(key);
        }
        for key in done {
            self.remove(key);
        }
    }

    /// Writes before the end of a turn that has gained so much that it should not gain more.
    pub(crate) fn write_if_much(&mut self) {
        if self.turn.gained > TURN_BYTES {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        let mut writer = Writer {
            connections: &mut self.connections,
            turn: &mut self.turn,
            outcome: &mut self.outcome,
            most: self.settings.node.limits.outbound_bytes,
            bytes: 0,
        };
        let marked = std::mem::take(&mut writer.turn.marked);
        for &Marked { listeners, group, batch } in &marked {
            // The channel may have lost its last listener after it was marked.
            let group = self.hub.group_mut(listeners, group).filter(|group| group.mark == batch);
            let Some(group) = group else { continue };
            group.mark = UNMARKED;
            for &key in group.members() {
                writer.give_batch(key, batch, &mut self.dirty);
            }
        }
        writer.turn.marked = marked;
        for &key in &self.dirty {
            writer.write_to(key);
        }
        let bytes = writer.bytes;
        self.counters().bytes_out.add(bytes);
        self.dirty.clear();
        self.dirty.shrink_to(LIST_KEPT);
        self.turn.clear();
    }

    /// A socket has room again.
    pub(crate) fn writable(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let mut bytes = 0;
        let written = connection.write_queue(&mut bytes);
        self.settings.node.metrics.shard(self.index).bytes_out.add(bytes);
        match written {
            Written::All => {
                if connection.is_finished() {
                    return self.remove(key);
                }
                self.watch(key, false);
            }
            Written::Queued | Written::TooMuch => {}
            Written::Broken => self.remove(key),
        }
    }

    /// Asks to be told when a socket has room, or no longer.
    fn watch(&mut self, key: ConnectionKey, room: bool) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        if connection.watches_room == room {
            return;
        }
        connection.watches_room = room;
        let interest =
            if room { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let token = Token(key as usize);
        if self.poll.registry().reregister(&mut connection.socket, token, interest).is_err() {
            self.remove(key);
        }
    }

    /// Ends a connection that does not read what it is sent: everything that waits is dropped but
    /// the piece that may be half out, and the reason is put behind it.
    fn close_slow(&mut self, key: ConnectionKey) {
        let settings = Rc::clone(&self.settings);
        let Some(open) = self.connections.get_mut(key as usize).and_then(|c| c.open()) else {
            return;
        };
        let codec = settings.codec(open.variant.codec);
        let mut farewell = Vec::new();
        if codec.framing() != Framing::EventStream {
            let (code, words) = codec.close_code(&CloseReason::Slow);
            write_close(&mut farewell, code, &words);
        }
        self.counters().disconnects.add(Closed::Slow, 1);
        self.counters().slow_closes.add(1);
        self.tell(key, Input::Gone);
        let connection = &mut self.connections[key as usize];
        connection.stretches = SmallVec::new();
        let queue = connection.queue.get_or_insert_default();
        queue.pieces.truncate(1);
        queue.bytes = queue.pieces.iter().map(Bytes::len).sum();
        queue.push(farewell.into());
        self.leave_open(key, false);
        self.watch(key, true);
    }
}

impl Outcome {
    /// A connection is gone, and its key may belong to another soon.
    pub(crate) fn forget(&mut self, key: ConnectionKey) {
        for list in [&mut self.blocked, &mut self.slow, &mut self.done] {
            list.retain(|other| *other != key);
        }
    }
}

/// What writing came to, to be acted upon when no list is being walked.
#[derive(Default)]
pub(crate) struct Outcome {
    blocked: Vec<ConnectionKey>,
    slow: Vec<ConnectionKey>,
    done: Vec<ConnectionKey>,
}

/// Those parts of a shard that writing needs, so that the hub can be walked meanwhile.
struct Writer<'a> {
    connections: &'a mut Slab<Connection>,
    turn: &'a mut Turn,
    outcome: &'a mut Outcome,
    most: usize,
    bytes: u64,
}

impl Writer<'_> {
    /// Gives a group's batch to a member. One that has nothing else to expect is written to right
    /// away, while its state is at hand.
    fn give_batch(&mut self, key: ConnectionKey, batch: u32, dirty: &mut Vec<ConnectionKey>) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let had = connection.stretches.len();
        if had > 0 && connection.stretches.iter().any(|stretch| stretch.batch == batch) {
            return;
        }
        connection.stretches.push(Stretch { batch, start: 0, end: OPEN });
        if had > 0 {
            return;
        }
        let one_channel = |open: &Open| open.session.subscription_count() == 1;
        if matches!(&connection.stage, Stage::Open(open) if one_channel(open)) {
            self.write_to(key);
        } else {
            dirty.push(key);
        }
    }

    /// Writes what one connection gained.
    fn write_to(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        match connection.write(self.turn, self.most, &mut self.bytes) {
            Written::All if connection.is_finished() => self.outcome.done.push(key),
            Written::All => {}
            Written::Queued => self.outcome.blocked.push(key),
            Written::TooMuch => self.outcome.slow.push(key),
            Written::Broken => self.outcome.done.push(key),
        }
    }
}

impl Connection {
    /// Whether, now that everything is out, nothing is left to do. A connection that closes first
    /// says so to its peer and waits for the peer to do the same.
    fn is_finished(&mut self) -> bool {
        match self.stage {
            Stage::Closing { peer_done: true, .. } => true,
            Stage::Closing { peer_done: false, .. } => {
                self.socket.shutdown_write();
                false
            }
            Stage::Head(_) | Stage::Open(_) => false,
        }
    }

    /// Writes the stretches of this turn, directly if nothing waits before them.
    fn write(&mut self, turn: &mut Turn, most: usize, bytes: &mut u64) -> Written {
        if self.queue.is_some() {
            return self.enqueue(turn, 0, most);
        }
        if self.stretches.is_empty() {
            return self.flush(Written::All);
        }
        let mut done = 0;
        while done < self.stretches.len() {
            let some = &self.stretches[done..self.stretches.len().min(done + PIECES_PER_WRITE)];
            let (outcome, offered) = match some {
                [only] => {
                    let piece = turn.bytes(*only);
                    (self.socket.write(piece), piece.len())
                }
                several => {
                    let slices: SmallVec<[IoSlice<'_>; PIECES_PER_WRITE]> =
                        several.iter().map(|stretch| IoSlice::new(turn.bytes(*stretch))).collect();
                    let offered = slices.iter().map(|slice| slice.len()).sum();
                    (self.socket.write_vectored(&slices), offered)
                }
            };
            let written = match outcome {
                Ok(written) => written,
                Err(error) if is_for_later(&error) => 0,
                Err(_) => return Written::Broken,
            };
            *bytes += written as u64;
            if written < offered {
                self.stretches.drain(..done);
                return self.enqueue(turn, written, most);
            }
            done += some.len();
        }
        if self.stretches.spilled() {
            self.stretches = SmallVec::new();
        } else {
            self.stretches.clear();
        }
        self.flush(Written::All)
    }

    /// Queues the stretches of this turn beyond the first `written` bytes.
    fn enqueue(&mut self, turn: &mut Turn, mut written: usize, most: usize) -> Written {
        let queue = self.queue.get_or_insert_default();
        // What waited already counts, not what comes now: a single answer may be larger than what
        // may wait, and a reader that keeps up must get it.
        if queue.bytes > most {
            self.stretches = SmallVec::new();
            return Written::TooMuch;
        }
        for stretch in std::mem::take(&mut self.stretches) {
            let len = turn.bytes(stretch).len();
            if written >= len {
                written -= len;
                continue;
            }
            queue.push(turn.keep(stretch, written));
            written = 0;
        }
        Written::Queued
    }

    /// Pushes out what waits.
    fn write_queue(&mut self, bytes: &mut u64) -> Written {
        while let Some(queue) = &mut self.queue {
            let outcome = {
                let slices: SmallVec<[IoSlice<'_>; PIECES_PER_WRITE]> =
                    queue.pieces.iter().take(PIECES_PER_WRITE).map(|p| IoSlice::new(p)).collect();
                self.socket.write_vectored(&slices)
            };
            match outcome {
                Ok(written) => {
                    *bytes += written as u64;
                    queue.advance(written);
                    if queue.pieces.is_empty() {
                        self.queue = None;
                    }
                }
                Err(error) if is_for_later(&error) => return self.flush(Written::Queued),
                Err(_) => return Written::Broken,
            }
        }
        self.flush(Written::All)
    }

    /// Pushes out what the socket itself still holds, as TLS does.
    fn flush(&mut self, otherwise: Written) -> Written {
        if !self.socket.has_pending() {
            return otherwise;
        }
        match self.socket.flush_pending() {
            Ok(true) => otherwise,
            Ok(false) => Written::Queued,
            Err(_) => Written::Broken,
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Queue {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len() + PIECE_OVERHEAD;
        self.pieces.push_back(piece);
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                self.bytes -= written;
                return;
            }
            written -= piece.len();
            self.bytes = self.bytes.saturating_sub(piece.len() + PIECE_OVERHEAD);
            self.pieces.pop_front();
        }
    }
}
