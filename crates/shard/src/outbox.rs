//! What connections gained, written to their sockets; and the queue of a socket that would block.

use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use slab::Slab;
use smallvec::SmallVec;

use trunkline_core::hub::ConnectionKey;

use crate::connection::{Connection, Open, Queue, Stage};
use crate::turn::{OPEN, Stretch, Turn};

/// Pieces passed to the operating system at a time.
const PIECES_PER_WRITE: usize = 16;

/// What a piece in a queue costs beside its bytes.
const PIECE_OVERHEAD: usize = 64;

/// How a write ended.
pub(crate) enum Written {
    /// Everything is out.
    All,
    /// The socket would block; the rest is queued.
    Queued,
    /// More than may be queued.
    TooMuch,
    /// The connection is broken.
    Broken,
}

/// What writing came to, to be acted upon when no list is being walked.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) blocked: Vec<ConnectionKey>,
    pub(crate) slow: Vec<ConnectionKey>,
    pub(crate) done: Vec<ConnectionKey>,
}

impl Outcome {
    /// A connection is gone, and its key may belong to another soon.
    pub(crate) fn forget(&mut self, key: ConnectionKey) {
        for list in [&mut self.blocked, &mut self.slow, &mut self.done] {
            list.retain(|other| *other != key);
        }
    }
}

/// Those parts of a shard that writing needs, so that the hub can be walked meanwhile.
pub(crate) struct Writer<'a> {
    pub(crate) connections: &'a mut Slab<Connection>,
    pub(crate) turn: &'a mut Turn,
    pub(crate) outcome: &'a mut Outcome,
    pub(crate) most: usize,
    pub(crate) bytes: u64,
}

impl Writer<'_> {
    /// Gives a group's batch to a member. One that has nothing else to expect is written to right
    /// away, while its state is at hand.
    pub(crate) fn give_batch(
        &mut self,
        key: ConnectionKey,
        batch: u32,
        dirty: &mut Vec<ConnectionKey>,
    ) {
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
    pub(crate) fn write_to(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        match connection.write(self.turn, self.most, &mut self.bytes) {
            Written::All if connection.is_finished() => self.outcome.done.push(key),
            Written::All => {}
            Written::Queued => self.outcome.blocked.push(key),
            Written::TooMuch => self.outcome.slow.push(key),
            Written::Broken => {
                // They point into batches that may be gone before the connection is.
                connection.stretches = SmallVec::new();
                self.outcome.done.push(key);
            }
        }
    }
}

impl Connection {
    /// Whether, now that everything is out, nothing is left to do. A connection that closes first
    /// says so to its peer and waits for the peer to do the same.
    pub(crate) fn is_finished(&mut self) -> bool {
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
        // Whoever is about to be called slow may have made room by now.
        if self.queue.as_ref().is_some_and(|queue| queue.bytes > most && !queue.cut) {
            match self.write_queue(bytes) {
                Written::Broken => return Written::Broken,
                // The system tells of room once, and this was it: it has to be asked again.
                Written::All => self.watches_room = false,
                Written::Queued | Written::TooMuch => {}
            }
        }
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
        let closing = matches!(self.stage, Stage::Closing { .. });
        let queue = self.queue.get_or_insert_default();
        // What waited already counts, not what comes now: a single answer may be larger than what
        // may wait, and a reader that keeps up must get it. Who is closing gains but a last word.
        // Behind a gap nothing may follow.
        if queue.cut || queue.bytes > most && !closing {
            queue.cut = true;
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
    pub(crate) fn write_queue(&mut self, bytes: &mut u64) -> Written {
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
    pub(crate) fn push(&mut self, piece: Bytes) {
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
