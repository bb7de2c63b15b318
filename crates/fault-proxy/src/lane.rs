//! What becomes of the bytes of one direction of one connection, and when. A value: it is handed what was
//! read and the time, and says what to do next. Times count from the beginning of the connection.
//!
//! Some faults happen when bytes come in (they are swallowed, corrupted, cut), the others when they leave
//! (latency, jitter, bandwidth, the reset). Those look at the faults of that moment, so that whoever heals
//! a line does not have to wait for bytes that came in before.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use crate::fate::End;
use crate::faults::{BlackHole, LineFaults, Probability};
use crate::luck::Luck;
use crate::pace::Pace;

/// Bytes a direction holds at most; when it is full its source is not read. Enough for some hundred
/// messages, and little enough that a thousand connections that are stuck take no more than 512 MiB.
pub(crate) const IN_FLIGHT: usize = 256 * 1024;

/// Pieces a direction holds at most, but for those of one last read. A piece costs some hundred bytes
/// beside its own, which would be more than [`IN_FLIGHT`] where a stream comes or leaves byte by byte.
const PIECES: usize = 4096;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write these bytes, as far as they can be written, and say how far that was.
    Write(Bytes),
    /// Ask again at this time.
    At(Duration),
    /// Ask again when something was read, or the faults have changed.
    Idle,
    /// The direction carries nothing more.
    End(End),
}

/// One direction of one connection.
#[derive(Debug)]
pub(crate) struct Lane {
    luck: Luck,
    pace: Pace,
    /// Bytes that have come in, since the beginning.
    taken: u64,
    /// Bytes that have left, since the beginning.
    passed: u64,
    queue: VecDeque<Piece>,
    /// Bytes in the queue.
    held: usize,
    /// What came behind the last byte, and when.
    end: Option<(End, Duration)>,
}

/// Bytes that are written together.
#[derive(Debug)]
struct Piece {
    came: Duration,
    /// The place of its first byte in all that has come in.
    place: u64,
    bytes: Bytes,
}

impl Lane {
    /// A direction in which nothing has come in.
    pub(crate) fn new(luck: Luck) -> Self {
        Self {
            luck,
            pace: Pace::default(),
            taken: 0,
            passed: 0,
            queue: VecDeque::new(),
            held: 0,
            end: None,
        }
    }

    /// How many bytes may be read now; 0 if the source is to wait.
    pub(crate) fn room(&self, line: &LineFaults) -> usize {
        let stalled = line.black_hole == Some(BlackHole::Stall);
        if stalled || self.end.is_some() || self.queue.len() >= PIECES {
            return 0;
        }
        IN_FLIGHT - self.held
    }

    /// These bytes were read.
    pub(crate) fn take(&mut self, read: &[u8], line: &LineFaults, now: Duration) {
        let first = self.taken;
        self.taken += read.len() as u64;
        if line.black_hole == Some(BlackHole::Swallow) {
            return;
        }
        let mut bytes = BytesMut::from(read);
        if line.corruption > Probability::NEVER {
            for (place, byte) in (first..).zip(bytes.iter_mut()) {
                *byte ^= self.luck.flips(place, line.corruption);
            }
        }
        self.held += bytes.len();
        self.cut(bytes.freeze(), first, line, now);
    }

    /// Queues bytes as the pieces in which they will be written.
    fn cut(&mut self, mut bytes: Bytes, mut place: u64, line: &LineFaults, now: Duration) {
        if let Some(mean) = line.chop {
            let end = place + bytes.len() as u64;
            for cut in place + 1..end {
                if self.luck.cuts(cut, mean.get()) {
                    // No further than a read is long, which fits a `usize`.
                    let piece = bytes.split_to((cut - place) as usize);
                    self.queue.push_back(Piece { came: now, place, bytes: piece });
                    place = cut;
                }
            }
        }
        if !bytes.is_empty() {
            self.queue.push_back(Piece { came: now, place, bytes });
        }
    }

    /// Nothing more will be read.
    pub(crate) fn end(&mut self, end: End, now: Duration) {
        self.end = Some((end, now));
    }

    /// What to do now.
    pub(crate) fn next(&mut self, line: &LineFaults, now: Duration) -> Next {
        let left = line.reset_after.map_or(u64::MAX, |bytes| bytes.saturating_sub(self.passed));
        if left == 0 {
            return Next::End(End::ResetDue);
        }
        match line.black_hole {
            Some(BlackHole::Stall) => return Next::Idle,
            Some(BlackHole::Swallow) => {
                self.queue.clear();
                self.held = 0;
                return self.end.map_or(Next::Idle, |(end, _)| Next::End(end));
            }
            None => {}
        }
        let (free_at, most) = self.pace.next(line.bandwidth, now);
        let due = |came: Duration, place: u64| {
            came.saturating_add(line.latency).saturating_add(self.luck.jitter(place, line.jitter))
        };
        match (self.queue.front(), self.end) {
            (Some(piece), _) => {
                let due = due(piece.came, piece.place).max(free_at);
                if due > now {
                    return Next::At(due);
                }
                let most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
                Next::Write(piece.bytes.slice(..piece.bytes.len().min(most)))
            }
            (None, Some((end, came))) => match due(came, self.taken) {
                due if due > now => Next::At(due),
                _ => Next::End(end),
            },
            (None, None) => Next::Idle,
        }
    }

    /// So many bytes were written of those that [`Lane::next`] said.
    pub(crate) fn wrote(&mut self, bytes: usize, now: Duration) {
        let Some(piece) = self.queue.front_mut() else { return };
        let bytes = bytes.min(piece.bytes.len());
        piece.bytes.advance(bytes);
        if piece.bytes.is_empty() {
            self.queue.pop_front();
        }
        self.held -= bytes;
        self.passed += bytes as u64;
        self.pace.spend(bytes, now);
    }
}

#[cfg(test)]
mod tests;
