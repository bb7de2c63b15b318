//! Compressing whole messages.

use flate2::{Compress, Compression, FlushCompress};

use super::SYNC_TAIL;

/// The window sizes there can be, as powers of two; RFC 7692 also knows 8, which zlib cannot do
/// for raw streams and which is therefore never agreed to.
const SMALLEST_WINDOW: u8 = 9;
const LARGEST_WINDOW: u8 = 15;

/// Speed over size: a publication waits for its compression.
const LEVEL: Compression = Compression::fast();

/// One thread's compressors, one for each window size that was ever asked of it.
#[derive(Debug, Default)]
pub struct Deflater {
    windows: [Option<Compress>; (LARGEST_WINDOW - SMALLEST_WINDOW + 1) as usize],
}

impl Deflater {
    /// No compressor yet: each is made when its window size first occurs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `payload` compressed as one message of its own, ready to be the payload of a
    /// frame with RSV1 set. `window_bits` is what was negotiated, 9 to 15; others are taken to
    /// the nearer end.
    pub fn compress(&mut self, window_bits: u8, payload: &[u8], out: &mut Vec<u8>) {
        let bits = window_bits.clamp(SMALLEST_WINDOW, LARGEST_WINDOW);
        let compressor = self.windows[usize::from(bits - SMALLEST_WINDOW)]
            .get_or_insert_with(|| Compress::new_with_window_bits(LEVEL, false, bits));
        compressor.reset();

        let mut rest = payload;
        out.reserve(payload.len() / 2 + 64);
        loop {
            let before = compressor.total_in();
            // A compressor whose parameters are sound has no way to fail; were it to fail, the
            // output would merely lack its end, which the receiver reports.
            let status = compressor.compress_vec(rest, out, FlushCompress::Sync);
            rest = &rest[(compressor.total_in() - before) as usize..];
            // The flush is complete when it leaves room in the output.
            if status.is_err() || out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len().max(64));
        }
        out.truncate(out.len() - if out.ends_with(&SYNC_TAIL) { SYNC_TAIL.len() } else { 0 });
    }
}
