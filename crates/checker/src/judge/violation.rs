//! What can be wrong with a run, and the verdict that lists it.

use std::collections::BTreeMap;
use std::fmt;

use crate::event::GapReason;

/// Violations a verdict lists; more are counted only. Whoever has read so many knows enough.
pub const LISTED: usize = 100;

/// Ids that one violation names at most; the offsets say the rest.
pub const NAMED_IDS: usize = 4;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A subscriber received what stands before and behind, but not this.
    Missing,
    /// A subscriber is connected and quiet, and this is in the stream but never reached it.
    NeverDelivered,
    /// A subscriber received this twice.
    Duplicate,
    /// A subscriber received an offset, or was moved to one, that lies behind what it had seen.
    Backwards,
    /// Two messages, or two tags, stand at one place.
    Conflict,
    /// One message stands at two places.
    Twice,
    /// It was acknowledged or delivered, and the stream that should hold it does not.
    Vanished,
    /// It was delivered, or is in the stream, and nobody published it.
    Invented,
    /// The stream itself has a hole.
    StreamHole,
    /// The stream keeps less than it should.
    TrimmedEarly,
    /// A gap was told that does not exist.
    FalseGap,
    /// A subscriber was not recovered and not told why.
    SilentGap,
    /// The epoch changed under a subscription without a word.
    SilentEpoch,
    /// A recovered subscription starts elsewhere than it was asked to.
    WrongStart,
    /// A publication came where there is no subscription.
    Uninvited,
    /// A subscriber has seen this, the broker rolled it back, and no gap said so.
    Untold,
    /// A publisher's later message was acknowledged at an earlier place.
    AcknowledgedBackwards,
    /// A subscriber is left behind in an epoch that is no longer the stream's.
    Stranded,
    /// Nobody read what the stream of this channel holds, so that nothing can be said about its end.
    Unread,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing in the middle",
            Self::NeverDelivered => "never delivered",
            Self::Duplicate => "delivered twice",
            Self::Backwards => "offset goes back",
            Self::Conflict => "two messages at one place",
            Self::Twice => "one message at two places",
            Self::Vanished => "absent from the stream",
            Self::Invented => "published by nobody",
            Self::StreamHole => "hole in the stream",
            Self::TrimmedEarly => "trimmed too early",
            Self::FalseGap => "gap that does not exist",
            Self::SilentGap => "not recovered, and no reason told",
            Self::SilentEpoch => "epoch changed without a word",
            Self::WrongStart => "recovered from another place than asked",
            Self::Uninvited => "delivered without a subscription",
            Self::Untold => "rolled back, and not told to whom had seen it",
            Self::AcknowledgedBackwards => "acknowledged behind an earlier one",
            Self::Stranded => "left in an epoch that is gone",
            Self::Unread => "history was not read",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub kind: Kind,
    /// In which channel.
    pub channel: String,
    /// Which subscriber or publisher noticed; nobody in particular if the stream itself is wrong.
    pub who: Option<String>,
    /// In which epoch.
    pub epoch: String,
    /// The offsets it is about, first and last; twice 0 when nobody knows them.
    pub offsets: (u64, u64),
    /// Ids it is about, as far as they are known; at most [`NAMED_IDS`].
    pub ids: Vec<String>,
    /// The gap that was claimed.
    pub reason: Option<GapReason>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: channel {}", self.kind.words(), self.channel)?;
        if let Some(who) = &self.who {
            write!(f, ", {who}")?;
        }
        match self.offsets {
            // Nobody knows where.
            (0, 0) => {}
            (first, last) if first == last => write!(f, ", offset {first}")?,
            (first, last) => write!(f, ", offsets {first} to {last}")?,
        }
        if !self.epoch.is_empty() {
            write!(f, " of epoch {}", self.epoch)?;
        }
        if let Some(reason) = self.reason {
            write!(f, ", told as {reason}")?;
        }
        if !self.ids.is_empty() {
            write!(f, ": {}", self.ids.join(", "))?;
        }
        Ok(())
    }
}

/// What a run contained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages refused.
    pub refused: u64,
    /// Messages nobody knows the fate of.
    pub unknown: u64,
    /// Publications received by subscribers.
    pub delivered: u64,
    /// Subscriptions, those that came back included.
    pub subscriptions: u64,
    /// Subscriptions that came back and were recovered.
    pub recovered: u64,
    /// Gaps told, when coming back or live.
    pub gaps: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "acknowledged {}, refused {}, unknown {}; delivered {}; subscriptions {}, recovered {}, gaps {}",
            self.acknowledged,
            self.refused,
            self.unknown,
            self.delivered,
            self.subscriptions,
            self.recovered,
            self.gaps
        )
    }
}

/// The judgement on a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, at most [`LISTED`].
    pub violations: Vec<Violation>,
    /// How much is wrong.
    pub total: u64,
    /// How much of each kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// What the run contained.
    pub figures: Figures,
    /// Gaps that were told, by reason.
    pub gaps: BTreeMap<GapReason, u64>,
    /// Acknowledged messages that the broker is known to have rolled back.
    pub rolled_back: u64,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.total == 0
    }

    pub(super) fn add(&mut self, violation: Violation) {
        self.total += 1;
        *self.kinds.entry(violation.kind).or_default() += 1;
        if self.violations.len() < LISTED {
            self.violations.push(violation);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        let more = self.total - self.violations.len() as u64;
        if more > 0 {
            writeln!(f, "  and {more} more")?;
        }
        for (kind, count) in self.kinds.iter().filter(|_| more > 0) {
            writeln!(f, "  {count} in all: {}", kind.words())?;
        }
        writeln!(f, "{}", self.figures)?;
        match self.total {
            0 => write!(f, "clean"),
            1 => write!(f, "1 violation"),
            n => write!(f, "{n} violations"),
        }
    }
}
