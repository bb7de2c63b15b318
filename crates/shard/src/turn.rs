//! What is to be written at the end of a turn.
//!
//! The frames of a turn stand in batches: one for all answers to single connections, and one for
//! each group of listeners that gained something. A connection only notes which stretches of which
//! batches are its own; a message to five thousand listeners is five thousand small notes and one
//! copy of the bytes.

use bytes::Bytes;

use trunkline_core::hub::UNMARKED;

/// A stretch of a batch that a connection is to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) batch: u32,
    pub(crate) start: u32,
    /// [`OPEN`] until the end of the turn: whatever the batch gains.
    pub(crate) end: u32,
}

/// [`Stretch::end`] of a stretch that still grows.
pub(crate) const OPEN: u32 = u32::MAX;

/// The batch of answers to single connections.
pub(crate) const ANSWERS: u32 = 0;

/// Empty batches kept for the next turn, and the bytes one of them may keep: enough for an
/// ordinary turn, and not what a burst once needed.
const SPARE_BATCHES: usize = 1024;
const SPARE_BYTES: usize = 64 * 1024;

/// Bytes all spare batches together may keep (4 MiB).
const SPARE_TOTAL: usize = 4 * 1024 * 1024;

#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// The same bytes for those whose socket would block, made for the first of them.
    shared: Option<Bytes>,
}

/// A group of listeners that gained something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked {
    /// Index of the listeners in the hub.
    pub(crate) listeners: u32,
    /// Index of the group in them.
    pub(crate) group: usize,
    /// Their batch.
    pub(crate) batch: u32,
}

/// The frames of the turn that is being made.
#[derive(Default)]
pub(crate) struct Turn {
    batches: Vec<Batch>,
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    pub(crate) marked: Vec<Marked>,
    /// Bytes in all batches.
    pub(crate) gained: usize,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self { batches: vec![Batch::default()], ..Self::default() }
    }

    /// The batch of answers, to append to.
    pub(crate) fn answers(&mut self) -> &mut Vec<u8> {
        &mut self.batches[ANSWERS as usize].bytes
    }

    /// A batch, to append to.
    pub(crate) fn batch(&mut self, batch: u32) -> &mut Vec<u8> {
        &mut self.batches[batch as usize].bytes
    }

    /// Bytes in a batch so far.
    pub(crate) fn len(&self, batch: u32) -> u32 {
        u32::try_from(self.batches[batch as usize].bytes.len()).unwrap_or(OPEN - 1)
    }

    /// The batch of a group, marking the group if this is its first message of the turn.
    pub(crate) fn mark(&mut self, mark: &mut u32, listeners: u32, group: usize) -> u32 {
        if *mark == UNMARKED {
            let bytes = self.spare.pop().unwrap_or_default();
            self.spare_bytes -= bytes.capacity();
            self.batches.push(Batch { bytes, shared: None });
            let batch = u32::try_from(self.batches.len() - 1).unwrap_or(UNMARKED - 1);
            *mark = batch;
            self.marked.push(Marked { listeners, group, batch });
        }
        *mark
    }

    /// The bytes of a stretch.
    pub(crate) fn bytes(&self, stretch: Stretch) -> &[u8] {
        let bytes = &self.batches[stretch.batch as usize].bytes;
        let end = if stretch.end == OPEN { bytes.len() } else { stretch.end as usize };
        &bytes[stretch.start as usize..end]
    }

    /// The bytes of a stretch from `skip` on, to outlive the turn. Most of a batch is shared among
    /// all who need it; a small part is copied, so that it does not keep the whole alive.
    pub(crate) fn keep(&mut self, stretch: Stretch, skip: usize) -> Bytes {
        let start = stretch.start as usize + skip;
        let batch = &mut self.batches[stretch.batch as usize];
        let end = if stretch.end == OPEN { batch.bytes.len() } else { stretch.end as usize };
        if stretch.batch == ANSWERS || (end - start) * 2 < batch.bytes.len() {
            return Bytes::copy_from_slice(&batch.bytes[start..end]);
        }
        let bytes = &batch.bytes;
        batch.shared.get_or_insert_with(|| Bytes::copy_from_slice(bytes)).slice(start..end)
    }

    /// Makes room for the next turn.
    pub(crate) fn clear(&mut self) {
        self.marked.clear();
        self.gained = 0;
        for mut batch in self.batches.drain(1..) {
            let capacity = batch.bytes.capacity();
            let room = self.spare.len() < SPARE_BATCHES
                && capacity <= SPARE_BYTES
                && self.spare_bytes + capacity <= SPARE_TOTAL;
            if room {
                batch.bytes.clear();
                self.spare_bytes += capacity;
                self.spare.push(batch.bytes);
            }
        }
        let answers = &mut self.batches[ANSWERS as usize];
        answers.shared = None;
        answers.bytes.clear();
        answers.bytes.shrink_to(SPARE_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_stretch_grows_with_its_batch() {
        let mut turn = Turn::new();
        let mut mark = UNMARKED;
        let batch = turn.mark(&mut mark, 3, 0);
        turn.batch(batch).extend_from_slice(b"one");
        let late = Stretch { batch, start: turn.len(batch), end: OPEN };
        assert_eq!(turn.mark(&mut mark, 3, 0), batch, "a group is marked once");
        turn.batch(batch).extend_from_slice(b"two");
        assert_eq!(turn.bytes(Stretch { batch, start: 0, end: OPEN }), b"onetwo");
        assert_eq!(turn.bytes(late), b"two");
        assert_eq!(turn.marked.len(), 1);
    }

    #[test]
    fn what_is_kept_outlives_the_turn() {
        let mut turn = Turn::new();
        let mut mark = UNMARKED;
        let batch = turn.mark(&mut mark, 0, 0);
        turn.batch(batch).extend_from_slice(b"abcdef");
        let whole = Stretch { batch, start: 0, end: OPEN };
        let (most, last) = (turn.keep(whole, 1), turn.keep(whole, 5));
        turn.clear();
        assert_eq!((&*most, &*last), (&b"bcdef"[..], &b"f"[..]));
        assert_eq!(turn.answers().len(), 0);
    }
}
