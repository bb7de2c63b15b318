//! WebSocket frames, RFC 6455 section 5.
//!
//! [`Decoder`] turns a client's bytes into [`Event`]s; [`write_frame`] and [`write_close`] make
//! the server's frames. Nothing here knows a socket or a protocol.

mod decoder;
mod error;
mod header;
mod mask;
mod message;
mod text;
mod write;

pub use decoder::Decoder;
pub use error::FrameError;
pub use write::{write_close, write_frame};

/// What a frame carries, RFC 6455 section 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with the message that an earlier frame began.
    Continuation,
    /// Begins a message of UTF-8 text.
    Text,
    /// Begins a message of arbitrary bytes.
    Binary,
    /// Ends the connection.
    Close,
    /// Asks for a pong with the same payload.
    Ping,
    /// Answers a ping, or comes unasked as a sign of life.
    Pong,
}

impl Opcode {
    /// Control frames may stand between the fragments of a message.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// The four bits on the wire.
    pub(crate) fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    /// `None` for the values the RFC reserves.
    pub(crate) fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// How much one peer may send at once. Both are checked before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Payload bytes of one frame, as on the wire.
    pub max_frame: usize,
    /// Payload bytes of one message: of all its frames, after inflating.
    pub max_message: usize,
}

/// What a peer said. Borrows from the read buffer where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// To be answered with a pong of the same payload, at most 125 bytes.
    Ping(&'a [u8]),
    /// An answer to a ping.
    Pong(&'a [u8]),
    /// Code and reason, where the peer gave them. The decoder takes nothing after it.
    Close(Option<(u16, &'a str)>),
}
