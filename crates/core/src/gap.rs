//! Something was missed, and why: loss is never silent.

/// Why publications that a subscriber should have received cannot be given to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// They were dropped from the stream, which is bounded.
    Trimmed,
    /// The stream is another: it was reset or lost.
    EpochChanged,
    /// What the subscriber saw last is not what the stream holds there: history took another way.
    Forked,
    /// They came faster than they could be handed over.
    Overflow,
    /// They are more than one recovery hands over; history gives them page by page.
    Limit,
}

impl GapReason {
    /// Its name on the wire and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::EpochChanged => "epoch_changed",
            Self::Forked => "forked",
            Self::Overflow => "overflow",
            Self::Limit => "limit",
        }
    }
}
