//! What connections gained, written to their sockets or queued.

use std::io::{self, IoSlice};

use slab::Slab;
use smallvec::SmallVec;

use trunkline_core::hub::ConnectionKey;
use trunkline_core::namespace::Overflow;

use crate::connection::{Connection, Open, Stage};
use crate::queue::Queue;
use crate::turn::{LooseFrames, OPEN, Stretch, Turn};

/// Pieces passed to the operating system at a time.
const PIECES_PER_WRITE: usize = 16;

/// How a write ended.
pub(crate) enum Written {
    /// Everything is out.
    All,
    /// The socket would block; the rest is queued.
    Queued,
    /// The same, and it is more than should wait: of streams nothing is to be added.
    Crowded,
    /// More than may be queued; something was cut off.
    TooMuch,
    /// The connection is broken.
    Broken,
}

/// What writing came to, to be acted upon when no list is being walked.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) blocked: Vec<ConnectionKey>,
    pub(crate) crowded: Vec<ConnectionKey>,
    /// Those that want to know when everything is out, and may have come to that.
    pub(crate) drained: Vec<ConnectionKey>,
    pub(crate) slow: Vec<ConnectionKey>,
    pub(crate) done: Vec<ConnectionKey>,
}

impl Outcome {
    /// A connection is gone, and its key may belong to another soon.
    pub(crate) fn forget(&mut self, key: ConnectionKey) {
        let Self { blocked, crowded, drained, slow, done } = self;
        for list in [blocked, crowded, drained, slow, done] {
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
    pub(crate) tally: Tally,
}

/// What writing comes to, in numbers.
#[derive(Default)]
pub(crate) struct Tally {
    /// Bytes that are out.
    pub(crate) bytes: u64,
    /// Publications that were dropped.
    pub(crate) dropped: u64,
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
        match connection.write(self.turn, self.most, &mut self.tally) {
            Written::All if connection.is_finished() => self.outcome.done.push(key),
            Written::All if connection.drains => self.outcome.drained.push(key),
            Written::All => {}
            Written::Queued => self.outcome.blocked.push(key),
            Written::Crowded => {
                self.outcome.blocked.push(key);
                self.outcome.crowded.push(key);
            }
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
    fn write(&mut self, turn: &mut Turn, most: usize, tally: &mut Tally) -> Written {
        // Whoever is about to be called slow may have made room by now.
        if self.queue.as_ref().is_some_and(|queue| queue.bytes > most && !queue.cut)
            && matches!(self.make_room(tally), Written::Broken)
        {
            return Written::Broken;
        }
        if self.queue.is_some() {
            return match self.enqueue(turn, 0, most, tally) {
                Written::Crowded => self.make_room_within(most, tally),
                outcome => outcome,
            };
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
            tally.bytes += written as u64;
            if written < offered {
                self.stretches.drain(..done);
                return self.enqueue(turn, written, most, tally);
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

    /// Tries whether the socket takes what waits.
    fn make_room(&mut self, tally: &mut Tally) -> Written {
        let outcome = self.write_queue(&mut tally.bytes);
        if matches!(outcome, Written::All) {
            // The system tells of room once, and this was it: it has to be asked again.
            self.watches_room = false;
        }
        outcome
    }

    /// The same for a queue that holds more than it should.
    fn make_room_within(&mut self, most: usize, tally: &mut Tally) -> Written {
        let outcome = self.make_room(tally);
        let crowded = |queue: &Queue| queue.bytes > most + queue.allowance;
        match outcome {
            Written::Queued if self.queue.as_deref().is_some_and(crowded) => Written::Crowded,
            outcome => outcome,
        }
    }

    /// Queues the stretches of this turn beyond the first `written` bytes.
    fn enqueue(
        &mut self,
        turn: &mut Turn,
        mut written: usize,
        most: usize,
        tally: &mut Tally,
    ) -> Written {
        let closing = matches!(self.stage, Stage::Closing { .. });
        let queue = self.queue.get_or_insert_default();
        let most = most + queue.allowance;
        // What waited already counts, not what comes now: a single answer may be larger than what
        // may wait, and a reader that keeps up must get it. Who is closing gains but a last word.
        // Behind a gap nothing may follow.
        if queue.cut || queue.bytes > most && !closing && !self.stretches.is_empty() {
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
            match turn.loose_frames(stretch) {
                Some(loose) => tally.dropped += queue.take_loose(turn, &loose, written),
                None if written > 0 => queue.push_rest(turn.keep(stretch, written)),
                None => queue.push(turn.keep(stretch, 0)),
            }
            written = 0;
        }
        if queue.bytes > most {
            tally.dropped += queue.shed(most);
        }
        let crowded = queue.bytes > most && !closing;
        if queue.is_empty() {
            self.queue = None;
        }
        if crowded { Written::Crowded } else { Written::Queued }
    }

    /// Pushes out what waits.
    pub(crate) fn write_queue(&mut self, bytes: &mut u64) -> Written {
        while let Some(queue) = &mut self.queue {
            let outcome = {
                let slices: SmallVec<[IoSlice<'_>; PIECES_PER_WRITE]> =
                    queue.pieces().take(PIECES_PER_WRITE).map(|p| IoSlice::new(p)).collect();
                self.socket.write_vectored(&slices)
            };
            match outcome {
                Ok(written) => {
                    *bytes += written as u64;
                    queue.advance(written);
                    if queue.is_empty() {
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
    /// Takes over frames whose publications may be dropped, beyond the first `written` bytes; says
    /// how many were dropped.
    fn take_loose(&mut self, turn: &mut Turn, loose: &LooseFrames, mut written: usize) -> u64 {
        let LooseFrames { channel, policy, frames } = loose;
        let latest = frames.iter().rposition(|(_, publication)| *publication);
        let mut dropped = 0;
        for (at, &(frame, publication)) in frames.iter().enumerate() {
            if written >= frame.len() {
                written -= frame.len();
                continue;
            }
            if written > 0 {
                self.push_rest(turn.keep(frame, written));
                written = 0;
            } else if !publication {
                self.push(turn.keep(frame, 0));
            } else if *policy == Overflow::KeepLatest && latest != Some(at) {
                dropped += 1;
            } else {
                dropped += self.push_loose(turn.keep(frame, 0), channel, *policy);
            }
        }
        dropped
    }
}
