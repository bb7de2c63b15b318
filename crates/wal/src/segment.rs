//! The header of a segment.

use crate::record::{Lsn, StoreId};

/// Bytes before the first frame: a block of its own, so that no later write touches it.
pub(crate) const HEADER: usize = 4096;
/// Bytes of a segment at most: it is read whole when the log is opened.
pub(crate) const MAX_BYTES: u64 = 1 << 30;
/// The format that this program writes and knows.
pub(crate) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"trnklog\n";
const LENGTH: usize = 64;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) store: StoreId,
    pub(crate) number: u64,
    /// Number of the first record that this segment holds, or will hold.
    pub(crate) first: Lsn,
    /// Where the frames of the segment before end; what is behind that there means nothing.
    pub(crate) previous_end: u64,
    /// Bytes of the file.
    pub(crate) capacity: u64,
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Damaged,
    /// Sound, but of a format that this program does not know.
    Version(u32),
}

impl Header {
    /// The header as it stands in the file.
    pub(crate) fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store.0);
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[56..].copy_from_slice(&self.capacity.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads the first bytes of a file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; LENGTH] = bytes.first_chunk().ok_or(BadHeader::Damaged)?;
        let version = sealed(bytes, MAGIC).ok_or(BadHeader::Damaged)?;
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        let header = Self {
            store: StoreId(*bytes[16..].first_chunk().ok_or(BadHeader::Damaged)?),
            number: u64_at(bytes, 32),
            first: Lsn(u64_at(bytes, 40)),
            previous_end: u64_at(bytes, 48),
            capacity: u64_at(bytes, 56),
        };
        let sane = (HEADER as u64..=MAX_BYTES).contains(&header.capacity) && header.first > Lsn(0);
        if sane { Ok(header) } else { Err(BadHeader::Damaged) }
    }
}

/// Puts the checksum of a block with magic and version into its bytes 12 to 15.
pub(crate) fn seal(bytes: &mut [u8]) {
    bytes[12..16].fill(0);
    let crc = crc32c::crc32c(bytes);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// The version of a block whose magic and checksum are right. Every version keeps these places.
pub(crate) fn sealed(bytes: &[u8], magic: [u8; 8]) -> Option<u32> {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &[0; 4]);
    let crc = crc32c::crc32c_append(crc, &bytes[16..]);
    (bytes[..8] == magic && u32_at(bytes, 12) == crc).then(|| u32_at(bytes, 8))
}

/// A little-endian number; the caller has checked that it is inside.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A little-endian number; the caller has checked that it is inside.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let store = StoreId([7; 16]);
        Header { store, number: 3, first: Lsn(40), previous_end: 5000, capacity: 9000 }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
    }

    #[test]
    fn a_header_with_any_bit_changed_is_damaged() {
        for bit in 0..LENGTH * 8 {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), Err(BadHeader::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        seal(&mut bytes);
        assert_eq!(Header::decode(&bytes), Err(BadHeader::Version(2)));
    }
}
