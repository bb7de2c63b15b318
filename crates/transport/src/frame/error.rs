//! Why a peer's bytes are refused.

use std::fmt;

/// A breach of RFC 6455 or of a limit. The connection is closed with [`close_code`] and
/// [`reason`]; nothing after the offending bytes is read.
///
/// [`close_code`]: FrameError::close_code
/// [`reason`]: FrameError::reason
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// RSV2 or RSV3, or RSV1 where it means nothing (section 5.2; RFC 7692 section 6).
    ReservedBits,
    /// An opcode the RFC reserves.
    ReservedOpcode,
    /// A control frame without FIN (section 5.5).
    FragmentedControl,
    /// A control frame of more than 125 bytes (section 5.5).
    OversizedControl,
    /// A client must mask (section 5.1).
    Unmasked,
    /// A length not in its shortest form, or of more than 63 bits (section 5.2).
    LengthEncoding,
    /// A continuation with nothing to continue (section 5.4).
    UnexpectedContinuation,
    /// A new message inside a fragmented one (section 5.4).
    InterleavedMessage,
    /// A close payload of one byte (section 5.5.1).
    ClosePayload,
    /// A close code that must not be sent (section 7.4).
    CloseCode,
    /// Text, or the reason of a close, that is not UTF-8 (section 8.1).
    InvalidUtf8,
    /// A compressed message that does not inflate (RFC 7692 section 7.2.2).
    InvalidDeflate,
    /// More than [`FrameLimits::max_frame`](super::FrameLimits::max_frame).
    FrameTooLarge,
    /// More than [`FrameLimits::max_message`](super::FrameLimits::max_message).
    MessageTooLarge,
}

impl FrameError {
    /// The close code to answer with: 1002, 1007 or 1009 (section 7.4.1).
    pub fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => 1007,
            Self::FrameTooLarge | Self::MessageTooLarge => 1009,
            _ => 1002,
        }
    }

    /// The close reason to answer with; well under 123 bytes.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bit set",
            Self::ReservedOpcode => "reserved opcode",
            Self::FragmentedControl => "fragmented control frame",
            Self::OversizedControl => "control frame over 125 bytes",
            Self::Unmasked => "frame not masked",
            Self::LengthEncoding => "frame length badly encoded",
            Self::UnexpectedContinuation => "nothing to continue",
            Self::InterleavedMessage => "new message inside a fragmented one",
            Self::ClosePayload => "close payload of one byte",
            Self::CloseCode => "invalid close code",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::InvalidDeflate => "invalid compressed data",
            Self::FrameTooLarge => "frame too large",
            Self::MessageTooLarge => "message too large",
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for FrameError {}
