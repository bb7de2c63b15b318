//! permessage-deflate, RFC 7692, without context takeover in either direction.
//!
//! Context takeover would keep a window of up to 32 KiB for every connection and would make
//! each receiver's bytes different. Without it a publication is compressed once per window size
//! and the inflater is one for the whole thread.

mod compress;
mod inflate;
mod offer;

pub use compress::Deflater;
pub use inflate::{InflateError, Inflater};
pub use offer::{Negotiated, negotiate};

/// What follows every flush of a compressor and is left off the wire (section 7.2.1).
const SYNC_TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Whether connections may compress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeflateOptions {
    /// Off by default: compression costs processor time and memory on both sides.
    pub enabled: bool,
}
