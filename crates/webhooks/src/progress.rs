//! How far a receiver has come: a note, which its deliverer holds at the same time, as a lease.

use serde::{Deserialize, Serialize};
use trunkline_core::position::{Epoch, Position};

/// What the names of these notes begin with.
pub(crate) const PREFIX: &str = "hook:";

/// How far a receiver has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Up to where everything is delivered, or given up; nothing is at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<Reached>,
    /// What is being delivered. Noted before, so that whoever goes on knows what may have arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trying: Option<Trying>,
    /// The node that delivers.
    pub(crate) holder: String,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// A place in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    pub(crate) epoch: String,
    pub(crate) offset: u64,
}

/// A batch that may have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trying {
    /// Up to where it goes.
    pub(crate) up_to: Reached,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// When it was tried first, in milliseconds since the Unix epoch.
    pub(crate) since: u64,
}

impl Reached {
    pub(crate) fn of(place: &Position) -> Self {
        Self { epoch: place.epoch.as_str().to_owned(), offset: place.offset }
    }

    pub(crate) fn position(&self) -> Position {
        Position::new(Epoch::new(&self.epoch), self.offset)
    }
}

impl Progress {
    /// Where the batch ends that is being delivered, if one is, and it stands in the stream of that
    /// epoch.
    pub(crate) fn bound(&self, epoch: &str) -> Option<u64> {
        let up_to = &self.trying.as_ref()?.up_to;
        (up_to.epoch == epoch).then_some(up_to.offset)
    }
}

/// The name of a receiver's note.
pub(crate) fn name(receiver: &str) -> String {
    format!("{PREFIX}{receiver}")
}
