//! A message whose payload has not fully arrived.

use super::text::PartialText;
use super::{Event, FrameError, FrameLimits, Opcode};
use crate::deflate::{InflateError, Inflater};

/// What has arrived so far, unmasked, of a message that began with a data frame.
#[derive(Debug)]
pub(super) enum PartialMessage {
    Text(PartialText),
    Binary(Vec<u8>),
    /// Compressed, so neither its size nor its text can be judged before the end.
    Deflated {
        text: bool,
        bytes: Vec<u8>,
    },
}

impl PartialMessage {
    /// A message that begins with a frame of this kind.
    pub(super) fn new(opcode: Opcode, deflated: bool) -> Self {
        let text = opcode == Opcode::Text;
        match (deflated, text) {
            (true, _) => Self::Deflated { text, bytes: Vec::new() },
            (false, true) => Self::Text(PartialText::default()),
            (false, false) => Self::Binary(Vec::new()),
        }
    }

    /// Payload bytes so far, as on the wire.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Deflated { bytes, .. } => bytes.len(),
        }
    }

    pub(super) fn is_deflated(&self) -> bool {
        matches!(self, Self::Deflated { .. })
    }

    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), FrameError> {
        match self {
            Self::Text(text) => text.push(payload)?,
            Self::Binary(bytes) | Self::Deflated { bytes, .. } => bytes.extend_from_slice(payload),
        }
        Ok(())
    }

    /// Hands the complete message out as one event.
    pub(super) fn finish<R>(
        self,
        limits: &FrameLimits,
        inflater: &mut Inflater,
        sink: impl FnOnce(Event<'_>) -> R,
    ) -> Result<R, FrameError> {
        match self {
            Self::Text(text) => Ok(sink(Event::Text(&text.finish()?))),
            Self::Binary(bytes) => Ok(sink(Event::Binary(&bytes))),
            Self::Deflated { text, bytes } => {
                Ok(sink(plain(text, inflate(inflater, &bytes, limits)?)?))
            }
        }
    }
}

/// A complete message's event.
pub(super) fn plain(text: bool, payload: &[u8]) -> Result<Event<'_>, FrameError> {
    if text {
        str::from_utf8(payload).map(Event::Text).map_err(|_| FrameError::InvalidUtf8)
    } else {
        Ok(Event::Binary(payload))
    }
}

/// Inflates a complete compressed message.
pub(super) fn inflate<'a>(
    inflater: &'a mut Inflater,
    payload: &[u8],
    limits: &FrameLimits,
) -> Result<&'a [u8], FrameError> {
    inflater.inflate(payload, limits.max_message).map_err(|error| match error {
        InflateError::TooLarge => FrameError::MessageTooLarge,
        InflateError::Invalid => FrameError::InvalidDeflate,
    })
}

/// The most bytes that a message may take on the wire. Incompressible data grows a little when
/// it is deflated, by less than an eighth whatever the compressor's settings.
pub(super) fn wire_limit(deflated: bool, limits: &FrameLimits) -> usize {
    let slack = if deflated { limits.max_message / 8 + 64 } else { 0 };
    limits.max_message.saturating_add(slack)
}
