//! Reading a segment: a pure function of its bytes.

use memchr::memmem;

use crate::frame::{self, Frame, Seal};
use crate::record::{Lsn, Record};
use crate::segment::HEADER;

/// How far the frames of a segment go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Where the last valid frame ends.
    pub(crate) end: usize,
    /// Where the last valid frame begins, if there is one.
    pub(crate) last_frame: Option<usize>,
    /// Number of the record that would come next.
    pub(crate) next: Lsn,
    /// Bytes at `end` that are neither blank nor a frame: those of a batch that was never
    /// finished, as far as its length can be told. 0: the segment ends cleanly.
    pub(crate) broken: usize,
}

/// Follows the frames from the first on, as long as each is valid and continues the numbers.
pub(crate) fn walk(
    segment: &[u8],
    seal: Seal,
    first: Lsn,
    each: &mut dyn FnMut(Lsn, Record<'_>),
) -> Walk {
    let mut walk = Walk { end: HEADER, last_frame: None, next: first, broken: 0 };
    while let Some(frame) = Frame::read(segment, walk.end, seal) {
        if frame.first != walk.next {
            break;
        }
        frame.records().for_each(|(lsn, record)| each(lsn, record));
        walk.last_frame = Some(walk.end);
        walk.end = frame.end;
        walk.next = frame.next();
    }
    walk.broken = broken(segment, walk.end, seal);
    walk
}

fn broken(segment: &[u8], at: usize, seal: Seal) -> usize {
    let rest = segment.get(at..).unwrap_or_default();
    let head = &rest[..rest.len().min(frame::HEAD)];
    if head.iter().all(|byte| *byte == 0) {
        return 0;
    }
    frame::claimed_len(segment, at, seal).unwrap_or(frame::HEAD).min(rest.len())
}

/// Every valid frame at `from` or behind, wherever it begins, with the place where it does. One is
/// the proof that something was written, flushed and acknowledged before it.
pub(crate) fn survivors(
    segment: &[u8],
    from: usize,
    seal: Seal,
) -> impl Iterator<Item = (usize, Frame<'_>)> {
    let from = from.max(HEADER);
    let behind = segment.get(from..).unwrap_or_default();
    memmem::find_iter(behind, &frame::MAGIC)
        .map(move |at| from + at)
        .filter_map(move |at| Some((at, Frame::read(segment, at, seal)?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::Draft;
    use crate::record::StoreId;

    const SIZE: usize = 16 << 10;

    fn seal() -> Seal {
        Seal::new(StoreId([1; 16]), 7)
    }

    fn segment(batches: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        let mut next = Lsn(5);
        for batch in batches {
            let mut draft = Draft::new(Vec::new());
            batch.iter().for_each(|bytes| draft.push(Record { kind: 9, bytes }));
            let frame_len = draft.frame_len();
            let at = bytes.len() as u64;
            bytes.extend_from_slice(&draft.seal(seal(), at, next)[..frame_len]);
            next = next.plus(batch.len() as u64);
        }
        bytes.resize(bytes.len().max(SIZE), 0);
        bytes
    }

    fn read(segment: &[u8]) -> (Walk, Vec<(Lsn, Vec<u8>)>) {
        let mut records = Vec::new();
        let walk = walk(segment, seal(), Lsn(5), &mut |lsn, record| {
            records.push((lsn, record.bytes.to_vec()));
        });
        (walk, records)
    }

    fn batches() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
        let record = proptest::collection::vec(any::<u8>(), 0..200);
        proptest::collection::vec(proptest::collection::vec(record, 1..5), 1..6)
    }

    proptest! {
        #[test]
        fn any_bytes_yield_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let mut segment = vec![0; HEADER];
            segment.extend_from_slice(&bytes);
            prop_assert_eq!(read(&segment).1, vec![]);
            prop_assert_eq!(survivors(&segment, 0, seal()).count(), 0);
        }

        #[test]
        fn frame_shaped_bytes_yield_no_record(
            pieces in proptest::collection::vec(
                (any::<[u8; 12]>(), 0u32..64, proptest::collection::vec(any::<u8>(), 0..64)), 0..40),
        ) {
            let mut segment = vec![0; HEADER];
            for (rest, length, body) in pieces {
                segment.extend_from_slice(&frame::MAGIC);
                segment.extend_from_slice(&length.to_le_bytes());
                segment.extend_from_slice(&5u64.to_le_bytes());
                segment.extend_from_slice(&rest);
                segment.extend_from_slice(&body);
            }
            prop_assert_eq!(read(&segment).1, vec![]);
        }

        #[test]
        fn what_was_written_is_read(batches in batches()) {
            let (walk, records) = read(&segment(&batches));
            let written: Vec<_> = batches.concat();
            prop_assert_eq!(walk.broken, 0);
            prop_assert_eq!(walk.next, Lsn(5 + written.len() as u64));
            prop_assert_eq!(records, (5..).map(Lsn).zip(written).collect::<Vec<_>>());
        }

        #[test]
        fn changed_bytes_leave_a_beginning_of_what_was_written(
            batches in batches(),
            changes in proptest::collection::vec((HEADER..SIZE, any::<u8>()), 1..8),
        ) {
            let mut segment = segment(&batches);
            changes.iter().for_each(|(at, byte)| segment[*at] = *byte);
            let written: Vec<_> = (5..).map(Lsn).zip(batches.concat()).collect();
            prop_assert!(written.starts_with(&read(&segment).1));
        }

        #[test]
        fn a_frame_is_valid_nowhere_else(batches in batches(), moved in 1usize..300) {
            let mut segment = segment(&batches);
            segment.splice(HEADER..HEADER, vec![0; moved]);
            prop_assert_eq!(survivors(&segment, 0, seal()).count(), 0);
        }
    }

    #[test]
    fn a_frame_is_valid_in_no_other_segment_or_store() {
        let segment = segment(&[vec![b"a".to_vec()]]);
        for other in [Seal::new(StoreId([1; 16]), 8), Seal::new(StoreId([2; 16]), 7)] {
            assert_eq!(survivors(&segment, 0, other).count(), 0);
        }
    }

    #[test]
    fn frames_behind_a_damaged_one_are_found() {
        let mut segment = segment(&[vec![b"a".to_vec()], vec![b"b".to_vec()], vec![b"c".to_vec()]]);
        segment[HEADER + frame::HEAD + frame::RECORD_HEAD] ^= 1;
        let (walk, records) = read(&segment);
        assert_eq!((walk.end, records.len()), (HEADER, 0));
        assert!(walk.broken > 0);
        let found: Vec<_> = survivors(&segment, walk.end, seal()).map(|(_, f)| f.first).collect();
        assert_eq!(found, [Lsn(6), Lsn(7)]);
    }
}
