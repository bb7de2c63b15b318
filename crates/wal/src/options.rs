//! Sizes of a log, each with its unit, its default and its reason.

use std::fmt;
use std::sync::Arc;

use crate::error::{OpenError, WalError};
use crate::frame;
use crate::record::StoreId;
use crate::segment;

/// Told once, from whichever thread noticed, that the log has stopped.
pub type OnFailure = Arc<dyn Fn(&WalError) + Send + Sync>;

/// How a log is kept.
#[derive(Clone)]
pub struct Options {
    /// Bytes of a new segment, reserved when it is made. 64 MiB: changing segments is rare, and
    /// one can be read whole when the log is opened. At most 1 GiB.
    pub segment_bytes: u64,
    /// Bytes of one record at most. 16 MiB: larger than any publication.
    pub record_bytes: usize,
    /// Bytes after which a batch takes no further append. 4 MiB: beyond that a flush takes longer
    /// in proportion and nothing is gained.
    pub batch_bytes: usize,
    /// Records of one batch, and of one append, at most. 8,192: bounds what is completed at once.
    pub batch_records: usize,
    /// Bytes that may wait for the disk, including the batch being flushed. 64 MiB: what a disk of
    /// ordinary speed writes in less than a second.
    pub queue_bytes: usize,
    /// Segments that are kept for use again instead of being removed. 4: a few seconds at full
    /// speed, so that a steady load needs no new room.
    pub spare_segments: usize,
    /// The identity that a new store is given, and that an existing one must have. None: a random
    /// one, and any.
    pub store: Option<StoreId>,
    /// Told when the log stops after an error.
    pub on_failure: Option<OnFailure>,
    /// Believes every frame whose shape is right. Only there for the test that proves that
    /// checksums are needed.
    #[doc(hidden)]
    pub believe_checksums: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            record_bytes: 16 << 20,
            batch_bytes: 4 << 20,
            batch_records: 8192,
            queue_bytes: 64 << 20,
            spare_segments: 4,
            store: None,
            on_failure: None,
            believe_checksums: false,
        }
    }
}

impl Options {
    /// Bytes that the records of one append may take in a frame.
    pub(crate) fn append_bytes(&self) -> usize {
        self.batch_bytes.max(self.record_bytes.saturating_add(frame::RECORD_HEAD))
    }

    /// Refuses sizes with which some allowed append could never be written.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let frame = frame::HEAD + self.append_bytes() + frame::END + frame::HEAD;
        if self.segment_bytes > segment::MAX_BYTES {
            return Err(OpenError::Options("a segment may have 1 GiB at most"));
        }
        if self.segment_bytes < segment::HEADER as u64 + frame as u64 {
            return Err(OpenError::Options("a segment must have room for the largest append"));
        }
        if self.batch_records == 0 || u32::try_from(self.batch_records).is_err() {
            return Err(OpenError::Options("a batch must have room for a record"));
        }
        if self.queue_bytes < self.append_bytes() + crate::queue::APPEND_COST {
            return Err(OpenError::Options("the queue must have room for the largest append"));
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("segment_bytes", &self.segment_bytes)
            .field("record_bytes", &self.record_bytes)
            .field("batch_bytes", &self.batch_bytes)
            .field("batch_records", &self.batch_records)
            .field("queue_bytes", &self.queue_bytes)
            .field("spare_segments", &self.spare_segments)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
