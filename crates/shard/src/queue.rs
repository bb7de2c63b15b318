//! The queue of a socket that would block.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Overflow;

/// What a piece in a queue costs beside its bytes.
const PIECE_OVERHEAD: usize = 64;

/// Bytes a socket would not take.
#[derive(Default)]
pub(crate) struct Queue {
    /// Each piece ends with a whole frame.
    pieces: VecDeque<Piece>,
    /// Bytes in all pieces, with what they cost to keep.
    pub(crate) bytes: usize,
    /// Bytes that may wait beyond what may wait ordinarily: what streams had brought when they were
    /// parked for it.
    pub(crate) allowance: usize,
    /// Whether a part of the first piece is out.
    begun: bool,
    /// Whether something is missing behind the last piece, because it was too much.
    pub(crate) cut: bool,
}

/// A part of a queue.
pub(crate) struct Piece {
    bytes: Bytes,
    /// The channel of a publication that may be dropped, and when that is done.
    loose: Option<(ChannelName, Overflow)>,
}

impl Piece {
    fn cost(&self) -> usize {
        self.bytes.len() + PIECE_OVERHEAD
    }
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The pieces, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().map(|piece| &piece.bytes)
    }

    /// Puts a piece behind the others.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.put(Piece { bytes, loose: None });
    }

    /// Puts a piece behind the others of which the beginning is out already.
    pub(crate) fn push_rest(&mut self, bytes: Bytes) {
        debug_assert!(self.pieces.is_empty(), "what is begun is the first");
        self.push(bytes);
        self.begun = true;
    }

    /// Puts a publication behind the others that may be dropped; says how many were dropped for it.
    pub(crate) fn push_loose(
        &mut self,
        bytes: Bytes,
        channel: &ChannelName,
        policy: Overflow,
    ) -> u64 {
        let mut dropped = 0;
        if policy == Overflow::KeepLatest {
            let older = |piece: &Piece| piece.loose.as_ref().is_some_and(|(c, _)| c == channel);
            if let Some(at) = self.pieces.iter().rposition(older)
                && !(at == 0 && self.begun)
            {
                self.drop_at(at);
                dropped = 1;
            }
        }
        self.put(Piece { bytes, loose: Some((channel.clone(), policy)) });
        dropped
    }

    /// Drops the oldest pieces that may be dropped until no more than `most` bytes wait; says how
    /// many. One that is partly out is not dropped.
    pub(crate) fn shed(&mut self, most: usize) -> u64 {
        let mut dropped = 0;
        let mut at = usize::from(self.begun);
        while self.bytes > most && at < self.pieces.len() {
            if self.pieces[at].loose.is_some() {
                self.drop_at(at);
                dropped += 1;
            } else {
                at += 1;
            }
        }
        dropped
    }

    /// Drops everything but the piece that may be partly out.
    pub(crate) fn give_up(&mut self) {
        self.pieces.truncate(1);
        self.bytes = self.pieces.iter().map(Piece::cost).sum();
    }

    /// Notes that so many bytes are out.
    pub(crate) fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.bytes.len() {
                piece.bytes.advance(written);
                self.bytes -= written;
                self.begun |= written > 0;
                return;
            }
            written -= piece.bytes.len();
            self.drop_at(0);
            self.begun = false;
        }
    }

    fn put(&mut self, piece: Piece) {
        self.bytes += piece.cost();
        self.pieces.push_back(piece);
    }

    fn drop_at(&mut self, at: usize) {
        if let Some(piece) = self.pieces.remove(at) {
            self.bytes -= piece.cost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(text: &str) -> ChannelName {
        ChannelName::parse(text).unwrap()
    }

    fn waiting(queue: &Queue) -> Vec<&str> {
        queue.pieces().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect()
    }

    fn loose(queue: &mut Queue, text: &'static str, name: &str, policy: Overflow) -> u64 {
        queue.push_loose(Bytes::from_static(text.as_bytes()), &channel(name), policy)
    }

    #[test]
    fn bytes_count_until_they_are_out() {
        let mut queue = Queue::default();
        queue.push(Bytes::from_static(b"abc"));
        queue.push(Bytes::from_static(b"def"));
        assert_eq!(queue.bytes, 6 + 2 * PIECE_OVERHEAD);
        queue.advance(4);
        assert_eq!((waiting(&queue), queue.bytes), (vec!["ef"], 2 + PIECE_OVERHEAD));
        queue.advance(2);
        assert_eq!((queue.is_empty(), queue.bytes), (true, 0));
    }

    #[test]
    fn the_oldest_that_may_be_dropped_is_dropped_first() {
        let mut queue = Queue::default();
        for text in ["one", "two", "three"] {
            loose(&mut queue, text, "a", Overflow::DropOldest);
        }
        queue.push(Bytes::from_static(b"firm"));
        loose(&mut queue, "four", "b", Overflow::DropOldest);
        queue.advance(1);
        assert_eq!(queue.shed(queue.bytes), 0);
        assert_eq!(queue.shed(queue.bytes - 1), 1);
        assert_eq!(waiting(&queue), ["ne", "three", "firm", "four"], "what is begun stays");
        assert_eq!(queue.shed(0), 2);
        assert_eq!(waiting(&queue), ["ne", "firm"], "and so does what may not be dropped");
        queue.advance(2);
        loose(&mut queue, "five", "a", Overflow::DropOldest);
        assert_eq!(queue.shed(4 + PIECE_OVERHEAD), 1);
        assert_eq!(waiting(&queue), ["firm"]);
    }

    #[test]
    fn only_the_latest_of_a_channel_waits() {
        let mut queue = Queue::default();
        for (text, name) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")] {
            loose(&mut queue, text, name, Overflow::KeepLatest);
        }
        assert_eq!(waiting(&queue), ["b1", "a3"]);
        queue.advance(1);
        assert_eq!(loose(&mut queue, "b2", "b", Overflow::KeepLatest), 0);
        assert_eq!(loose(&mut queue, "b3", "b", Overflow::KeepLatest), 1);
        assert_eq!(waiting(&queue), ["1", "a3", "b3"], "what is begun stays");
    }
}
