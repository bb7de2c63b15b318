//! Listeners that receive the same bytes.

use crate::codec::CodecId;
use crate::namespace::Overflow;
use crate::publication::Message;

use super::ConnectionKey;

/// [`Group::mark`] of a group that nothing was marked on.
pub const UNMARKED: u32 = u32::MAX;

/// What decides how a message looks to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variant {
    /// The codec.
    pub codec: CodecId,
    /// The window, in bits, of the compression that was negotiated; 0 for none.
    pub window_bits: u8,
}

/// What a group receives of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feed {
    /// Everything, in a channel without positions; and what becomes of publications that are not
    /// read fast enough.
    Loose(Overflow),
    /// Each publication behind the one before it, whole.
    Whole,
    /// The same as differences, but the next one whole: nothing is known that it could differ from.
    First,
    /// The same as differences.
    Differences,
}

impl Feed {
    /// Whether each publication must be the next of the stream.
    #[must_use]
    pub fn has_positions(self) -> bool {
        !matches!(self, Self::Loose(_))
    }
}

/// Listeners that receive the same bytes.
#[derive(Debug)]
pub struct Group {
    /// How messages look to them.
    pub variant: Variant,
    /// What they receive.
    pub feed: Feed,
    /// Whether they hear who comes and goes.
    pub joins: bool,
    /// A number the owner of the hub keeps here between two calls, [`UNMARKED`] at first.
    pub mark: u32,
    pub(super) members: Vec<ConnectionKey>,
}

impl Group {
    /// The connections in it.
    #[must_use]
    pub fn members(&self) -> &[ConnectionKey] {
        &self.members
    }

    /// Whether its members are to hear `message`.
    #[must_use]
    pub fn hears(&self, message: &Message) -> bool {
        self.joins || matches!(message, Message::Publication(_))
    }
}
