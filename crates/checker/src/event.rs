//! What a log consists of: one event a line, as a JSON object.
//!
//! Lines of one subscriber stand in the order in which it saw things, lines of one publisher in the
//! order in which its calls ended. Between different ones the order means nothing, with one
//! exception: a `history` and a `rolled_back` come after everything that stands before them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in the stream of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Names the history; an empty one means that it is not known.
    pub epoch: String,
    /// The number of the last publication before this place; the first one has 1.
    pub offset: u64,
    /// The tag of that publication, where the protocol carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl Place {
    /// A place without a tag.
    #[must_use]
    pub fn new(epoch: &str, offset: u64) -> Self {
        Self { epoch: epoch.to_owned(), offset, tag: None }
    }
}

/// Why something is missing, as the server said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Dropped from the stream, which is bounded.
    Trimmed,
    /// The stream is another one.
    EpochChanged,
    /// What was seen last is not what the stream holds there.
    Forked,
    /// Came faster than it could be handed over.
    Overflow,
    /// More than one recovery hands over.
    Limit,
    /// Told in a protocol that has no word for the reason: "not recovered".
    Unrecovered,
}

impl GapReason {
    /// Reads a reason as it stands on the wire and in logs.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "trimmed" => Self::Trimmed,
            "epoch_changed" => Self::EpochChanged,
            "forked" => Self::Forked,
            "overflow" => Self::Overflow,
            "limit" => Self::Limit,
            "unrecovered" => Self::Unrecovered,
            _ => return None,
        })
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trimmed => "trimmed",
            Self::EpochChanged => "epoch_changed",
            Self::Forked => "forked",
            Self::Overflow => "overflow",
            Self::Limit => "limit",
            Self::Unrecovered => "unrecovered",
        })
    }
}

/// What a publisher knows about a message it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server has it. The place is there where the protocol tells it.
    Acknowledged(Option<Place>),
    /// The server answered with an error.
    Refused,
    /// There was no answer: it may have been published, or not.
    Unknown,
}

/// A publication as the stream holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Its number.
    pub offset: u64,
    /// The id its publisher gave it.
    pub id: String,
    /// Its tag, where the protocol carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// What the judge may expect of the server beside the promise itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Publications a channel keeps for the whole length of the run: fewer in the final stream, and
    /// gaps for them, are violations. Without it the stream says itself where it begins.
    pub keeps: Option<u64>,
    /// Publications one recovery hands over: a gap `limit` for no more than that is a violation.
    pub recovery_limit: Option<u64>,
    /// Acknowledged messages may be lost, as with a broker whose failover rolls back. Everyone who
    /// had seen them must be told all the same.
    pub rollback: bool,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// What may be expected; holds for the whole log.
    Rules(Rules),
    /// Something for people, such as a seed; not judged.
    Note {
        /// What there is to know.
        text: String,
    },
    /// A call to publish has ended.
    Publish {
        /// Who called.
        publisher: String,
        /// Into which channel.
        channel: String,
        /// The message's id, used once in the whole run.
        id: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// A subscription began, or began anew.
    Subscribed {
        /// Whose.
        subscriber: String,
        /// To which channel.
        channel: String,
        /// The place it asked to come back to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Place>,
        /// Whether the server promised to hand over all that was missed.
        #[serde(default)]
        recovered: bool,
        /// Why it did not, if it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gap: Option<GapReason>,
        /// The place after which publications follow.
        at: Place,
    },
    /// A publication arrived, live or recovered.
    Publication {
        /// At whom.
        subscriber: String,
        /// In which channel.
        channel: String,
        /// The epoch it belongs to.
        epoch: String,
        /// Its number.
        offset: u64,
        /// Its tag, where the protocol carries it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        /// The id its publisher gave it.
        id: String,
    },
    /// The server said, in the middle of a subscription, that something is missing.
    Gap {
        /// Whom.
        subscriber: String,
        /// In which channel.
        channel: String,
        /// Why.
        reason: GapReason,
        /// Where it goes on.
        at: Place,
    },
    /// A subscription ended while its connection goes on.
    Unsubscribed {
        /// Whose.
        subscriber: String,
        /// To which channel.
        channel: String,
    },
    /// A connection ended, with all its subscriptions.
    Disconnected {
        /// Whose.
        subscriber: String,
    },
    /// Whoever drives the run has made the broker go on from an earlier state: what was published
    /// before may be gone, acknowledged or not. Everyone who had seen it must be told.
    RolledBack,
    /// What a stream holds. The last one of a channel is what the verdict measures by.
    History {
        /// Of which channel.
        channel: String,
        /// The place of the newest publication.
        top: Place,
        /// All that is kept, oldest first.
        publications: Vec<Kept>,
    },
}
