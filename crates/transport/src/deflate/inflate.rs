//! Inflating whole messages, never further than a limit.

use flate2::{Decompress, FlushDecompress, Status};
use thiserror::Error;

use super::SYNC_TAIL;

/// An empty stored block with the final bit. Put behind a message it makes the inflater say
/// whether the message ended where a block ends; a message cut short does not.
const FINAL_BLOCK: [u8; 5] = [0x01, 0x00, 0x00, 0xFF, 0xFF];

/// Bytes by which the output grows at first.
const FIRST_GROWTH: usize = 4096;

/// Why a compressed message is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InflateError {
    /// It inflates to more than the limit.
    #[error("inflates to more than the limit")]
    TooLarge,
    /// It is no deflate stream, or is cut short.
    #[error("invalid compressed data")]
    Invalid,
}

/// One thread's inflater. Its state and its output buffer are used again for every message, and
/// take no memory before the first.
#[derive(Debug, Default)]
pub struct Inflater {
    stream: Option<Decompress>,
    out: Vec<u8>,
}

impl Inflater {
    /// Ready for messages of any window size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Inflates one message, as it came in its frames. The output is valid until the next call.
    ///
    /// # Errors
    /// [`InflateError::TooLarge`] as soon as there are more than `limit` bytes; memory stays
    /// within the limit and a few KiB.
    pub fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<&[u8], InflateError> {
        let Self { stream, out } = self;
        out.clear();
        // Some peers send an empty message as no bytes at all.
        if payload.is_empty() {
            return Ok(out);
        }
        let stream = stream.get_or_insert_with(|| Decompress::new(false));
        stream.reset(false);
        let mut ended = false;
        for part in [payload, &SYNC_TAIL, &FINAL_BLOCK] {
            ended = push(stream, part, out, limit)?;
        }
        if ended { Ok(out) } else { Err(InflateError::Invalid) }
    }
}

/// Inflates some more; says whether the stream ended exactly at the end of `input`.
fn push(
    stream: &mut Decompress,
    mut input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, InflateError> {
    loop {
        // One byte more than allowed shows that the limit is passed.
        let room = limit.saturating_add(1).saturating_sub(out.len());
        out.reserve_exact(out.len().max(FIRST_GROWTH).min(room));
        let (read, written) = (stream.total_in(), out.len());
        let status = stream
            .decompress_vec(input, out, FlushDecompress::None)
            .map_err(|_| InflateError::Invalid)?;
        let consumed = (stream.total_in() - read) as usize;
        input = &input[consumed..];
        if out.len() > limit {
            return Err(InflateError::TooLarge);
        }
        match status {
            // A sender may end its stream within a message and begin another
            // (section 7.2.3.5).
            Status::StreamEnd => {
                stream.reset(false);
                if input.is_empty() {
                    return Ok(true);
                }
            }
            // With room left in the output there is nothing more to come from this input.
            _ if input.is_empty() && out.len() < out.capacity() => return Ok(false),
            _ if consumed == 0 && out.len() == written => {
                return Err(InflateError::Invalid);
            }
            _ => {}
        }
    }
}
