//! The header of a client's frame: 6 to 14 bytes.

use super::{FrameError, Opcode};

/// The longest header: two bytes, a 64-bit length, the mask.
pub(super) const MAX_HEADER: usize = 14;

/// The most a control frame may carry (RFC 6455 section 5.5).
pub(super) const MAX_CONTROL: usize = 125;

/// A header that breaks no rule which can be judged without knowing what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The last frame of its message.
    pub(super) fin: bool,
    /// RSV1: the message that begins here is compressed (RFC 7692 section 6).
    pub(super) deflated: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: [u8; 4],
    /// Payload bytes.
    pub(super) len: usize,
    /// Bytes the header itself took.
    pub(super) size: usize,
}

impl Header {
    /// Reads a header from the start of `bytes`; `None` while more bytes are needed.
    ///
    /// Whatever is wrong is reported as soon as the bytes that show it are there, so an
    /// oversized frame is refused before its payload arrives.
    pub(super) fn parse(bytes: &[u8], max_frame: usize) -> Result<Option<Self>, FrameError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x30 != 0 {
            return Err(FrameError::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0F).ok_or(FrameError::ReservedOpcode)?;
        let fin = first & 0x80 != 0;
        let deflated = first & 0x40 != 0;
        if second & 0x80 == 0 {
            return Err(FrameError::Unmasked);
        }
        let short = second & 0x7F;
        if opcode.is_control() {
            if !fin {
                return Err(FrameError::FragmentedControl);
            }
            if usize::from(short) > MAX_CONTROL {
                return Err(FrameError::OversizedControl);
            }
        }

        let (len, rest) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from(u16::from_be_bytes(*len));
                if len < 126 {
                    return Err(FrameError::LengthEncoding);
                }
                (len, rest)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from_be_bytes(*len);
                if len <= u64::from(u16::MAX) || len >> 63 != 0 {
                    return Err(FrameError::LengthEncoding);
                }
                (len, rest)
            }
            short => (u64::from(short), rest),
        };
        let len = usize::try_from(len).map_err(|_| FrameError::FrameTooLarge)?;
        if len > max_frame && !opcode.is_control() {
            return Err(FrameError::FrameTooLarge);
        }
        let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let size = bytes.len() - rest.len();
        Ok(Some(Self { fin, deflated, opcode, mask: *mask, len, size }))
    }
}
