//! What connections gained, written to their pipes or queued, as `trunkline-shard` does it.

use std::collections::VecDeque;

use trunkline_core::channel::ChannelName;
use trunkline_core::hub::ConnectionKey;
use trunkline_core::namespace::Overflow;
use trunkline_core::session::Input;

use crate::pipe::Frame;

use super::{Connection, SimShard, Stage};

/// What a piece in a queue costs beside its bytes.
const PIECE_OVERHEAD: usize = 64;

/// A frame that was gained or waits.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) frame: Frame,
    /// The channel of a publication that may be dropped, and when that is done.
    pub(super) loose: Option<(ChannelName, Overflow)>,
}

impl Piece {
    fn cost(&self) -> usize {
        self.frame.cost() + PIECE_OVERHEAD
    }
}

/// Frames a pipe would not take.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Piece>,
    pub(super) bytes: usize,
    /// Bytes that may wait beyond what may wait ordinarily.
    pub(super) allowance: usize,
    /// Whether something is missing behind the last piece, because it was too much.
    cut: bool,
}

impl Queue {
    /// A queue of one frame.
    pub(super) fn last_words(frame: Frame) -> Self {
        let mut queue = Self::default();
        queue.push(Piece { frame, loose: None });
        queue
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    fn push(&mut self, piece: Piece) {
        if let Some((channel, Overflow::KeepLatest)) = &piece.loose {
            let older = |other: &Piece| other.loose.as_ref().is_some_and(|(c, _)| c == channel);
            if let Some(at) = self.pieces.iter().rposition(older) {
                self.drop_at(at);
            }
        }
        self.bytes += piece.cost();
        self.pieces.push_back(piece);
    }

    fn shed(&mut self, most: usize) {
        let mut at = 0;
        while self.bytes > most && at < self.pieces.len() {
            match self.pieces[at].loose {
                Some(_) => self.drop_at(at),
                None => at += 1,
            }
        }
    }

    fn drop_at(&mut self, at: usize) {
        if let Some(piece) = self.pieces.remove(at) {
            self.bytes -= piece.cost();
        }
    }
}

/// How a write ended.
enum Written {
    All,
    Queued,
    Crowded,
    TooMuch,
}

impl Connection {
    fn write(&mut self, most: usize) -> Written {
        let gained = std::mem::take(&mut self.gained);
        if self.queue.as_ref().is_some_and(|queue| queue.bytes > most && !queue.cut) {
            self.write_queue();
        }
        if self.queue.is_none() {
            let mut left = gained.into_iter();
            while self.pipe.borrow().has_room() {
                let Some(piece) = left.next() else { return Written::All };
                self.pipe.borrow_mut().write(piece.frame);
            }
            let left: Vec<Piece> = left.collect();
            return if left.is_empty() { Written::All } else { self.enqueue(left, most) };
        }
        match self.enqueue(gained, most) {
            Written::Crowded => {
                self.write_queue();
                match &self.queue {
                    None => Written::All,
                    Some(queue) if queue.bytes > most + queue.allowance => Written::Crowded,
                    Some(_) => Written::Queued,
                }
            }
            outcome => outcome,
        }
    }

    fn enqueue(&mut self, gained: Vec<Piece>, most: usize) -> Written {
        let closing = self.stage != Stage::Open;
        let queue = self.queue.get_or_insert_default();
        let most = most + queue.allowance;
        // What waited already counts, not what comes now.
        if queue.cut || queue.bytes > most && !closing && !gained.is_empty() {
            queue.cut = true;
            return Written::TooMuch;
        }
        gained.into_iter().for_each(|piece| queue.push(piece));
        if queue.bytes > most {
            queue.shed(most);
        }
        let crowded = queue.bytes > most && !closing;
        if queue.pieces.is_empty() {
            self.queue = None;
        }
        if crowded { Written::Crowded } else { Written::Queued }
    }

    /// Pushes out what waits; whether all is out.
    fn write_queue(&mut self) -> bool {
        let Some(queue) = &mut self.queue else { return true };
        let mut pipe = self.pipe.borrow_mut();
        while pipe.has_room() && !queue.pieces.is_empty() {
            if let Some(piece) = queue.pieces.pop_front() {
                queue.bytes -= piece.cost();
                pipe.write(piece.frame);
            }
        }
        let empty = queue.pieces.is_empty();
        drop(pipe);
        if empty {
            self.queue = None;
        }
        empty
    }
}

impl SimShard {
    /// Writes everything that was gained in this turn, and ends those that writing has ended.
    pub(super) fn write_all(&mut self) {
        let most = self.node.limits.outbound_bytes;
        for key in std::mem::take(&mut self.dirty) {
            let Some(connection) = self.connections[key as usize].as_mut() else { continue };
            let outcome = connection.write(most);
            self.stirred.push(connection.pipe.clone());
            match outcome {
                Written::All if connection.stage != Stage::Open => self.outcome.done.push(key),
                Written::All if connection.drains => self.outcome.drained.push(key),
                Written::All | Written::Queued => {}
                Written::Crowded => self.outcome.crowded.push(key),
                Written::TooMuch => self.outcome.slow.push(key),
            }
        }
        for key in std::mem::take(&mut self.outcome.crowded) {
            self.tell(key, Input::Crowded);
        }
        for key in std::mem::take(&mut self.outcome.drained) {
            self.tell_if_drained(key);
        }
        for key in std::mem::take(&mut self.outcome.slow) {
            self.close_slow(key);
        }
        for key in std::mem::take(&mut self.outcome.done) {
            self.remove(key);
        }
        // Last words are written when there is room, which nobody may tell of.
        for key in std::mem::take(&mut self.dirty) {
            self.writable(key);
            if self.connections[key as usize].as_ref().is_some_and(|c| !c.gained.is_empty()) {
                self.dirty.push(key);
            }
        }
    }

    fn tell_if_drained(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections[key as usize].as_mut() else { return };
        if connection.drains && connection.queue.is_none() {
            connection.drains = false;
            self.tell(key, Input::Drained);
        }
    }

    /// A pipe has room again.
    pub(super) fn writable(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections[key as usize].as_mut() else { return };
        if connection.queue.is_none() {
            return;
        }
        let all = connection.write_queue();
        self.stirred.push(connection.pipe.clone());
        if !all {
            return;
        }
        if connection.stage != Stage::Open && connection.gained.is_empty() {
            self.remove(key);
        } else {
            self.tell_if_drained(key);
        }
    }
}
