//! What is to be written at the end of a turn.
//!
//! The frames of a turn stand in batches: one for all answers to single connections, and one for
//! each group of listeners that gained something. A connection only notes which stretches of which
//! batches are its own; a message to five thousand listeners is five thousand small notes and one
//! copy of the bytes.

use bytes::Bytes;

use trunkline_core::channel::ChannelName;
use trunkline_core::hub::UNMARKED;
use trunkline_core::namespace::Overflow;

/// A stretch of a batch that a connection is to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) batch: u32,
    pub(crate) start: u32,
    /// [`OPEN`] until the end of the turn: whatever the batch gains.
    pub(crate) end: u32,
}

impl Stretch {
    /// Its length in bytes, once it has an end.
    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// The frames of a stretch whose publications may be dropped.
pub(crate) struct LooseFrames {
    pub(crate) channel: ChannelName,
    pub(crate) policy: Overflow,
    /// Each frame, and whether it is a publication.
    pub(crate) frames: Vec<(Stretch, bool)>,
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
    /// What of it may be dropped, in the batch of a group whose namespace says so.
    loose: Option<Box<Loose>>,
}

/// A batch whose publications may be dropped by those who do not read them fast enough.
pub(crate) struct Loose {
    pub(crate) channel: ChannelName,
    pub(crate) policy: Overflow,
    /// Where each frame ends, and whether it is a publication.
    frames: Vec<(u32, bool)>,
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
            self.batches.push(Batch { bytes, ..Batch::default() });
            let batch = u32::try_from(self.batches.len() - 1).unwrap_or(UNMARKED - 1);
            *mark = batch;
            self.marked.push(Marked { listeners, group, batch });
        }
        *mark
    }

    /// Notes that the last frame of a batch is complete, and whether it is a publication that may
    /// be dropped.
    pub(crate) fn end_frame(
        &mut self,
        batch: u32,
        channel: &ChannelName,
        policy: Overflow,
        publication: bool,
    ) {
        let end = self.len(batch);
        let fresh = || Box::new(Loose { channel: channel.clone(), policy, frames: Vec::new() });
        let loose = self.batches[batch as usize].loose.get_or_insert_with(fresh);
        loose.frames.push((end, publication));
    }

    /// The frames of a stretch whose publications may be dropped, each with whether it is one;
    /// nothing where none may.
    pub(crate) fn loose_frames(&self, stretch: Stretch) -> Option<LooseFrames> {
        let loose = self.batches[stretch.batch as usize].loose.as_ref()?;
        let first = loose.frames.partition_point(|&(end, _)| end <= stretch.start);
        let mut start = stretch.start;
        let within = loose.frames[first..].iter().take_while(|&&(end, _)| end <= stretch.end);
        let frames = within.map(|&(end, publication)| {
            let frame = Stretch { batch: stretch.batch, start, end };
            start = end;
            (frame, publication)
        });
        Some(LooseFrames {
            frames: frames.collect(),
            channel: loose.channel.clone(),
            policy: loose.policy,
        })
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

    #[test]
    fn frames_that_may_be_dropped_are_found_in_a_stretch() {
        let mut turn = Turn::new();
        let mut mark = UNMARKED;
        let batch = turn.mark(&mut mark, 0, 0);
        let channel = ChannelName::parse("c").unwrap();
        for (text, publication) in [("one", true), ("join", false), ("two", true)] {
            turn.batch(batch).extend_from_slice(text.as_bytes());
            turn.end_frame(batch, &channel, Overflow::DropOldest, publication);
        }
        let of = |start, end| {
            let loose = turn.loose_frames(Stretch { batch, start, end }).unwrap();
            let text = |stretch| std::str::from_utf8(turn.bytes(stretch)).unwrap().to_owned();
            loose.frames.into_iter().map(|(s, p)| (text(s), p)).collect::<Vec<_>>()
        };
        let frame = |text: &str, publication| (text.to_owned(), publication);
        assert_eq!(of(0, 3), [frame("one", true)]);
        assert_eq!(of(3, OPEN), [frame("join", false), frame("two", true)]);
        assert_eq!(of(10, OPEN), []);
        assert!(turn.loose_frames(Stretch { batch: ANSWERS, start: 0, end: OPEN }).is_none());
    }
}
