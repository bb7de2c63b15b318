//! How far a receiver has come: a note, which its deliverer holds at the same time, as a lease.

use serde::{Deserialize, Serialize};
use trunkline_core::history::HistoryPage;
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

    /// How many publications stand behind what was reached in the stream this page is of, which may have
    /// come from the one that it was reached in.
    pub(crate) fn waiting(&self, page: &HistoryPage) -> u64 {
        let shared = |reached: &Reached| {
            let ancestor = page.ancestors.iter().find(|it| it.epoch.as_str() == reached.epoch);
            match ancestor {
                _ if reached.epoch == page.top.epoch.as_str() => reached.offset,
                Some(ancestor) => reached.offset.min(ancestor.shared),
                None => 0,
            }
        };
        page.top.offset.saturating_sub(self.reached.as_ref().map_or(0, shared))
    }
}

/// The name of a receiver's note.
pub(crate) fn name(receiver: &str) -> String {
    format!("{PREFIX}{receiver}")
}

#[cfg(test)]
mod tests {
    use trunkline_core::history::Ancestor;

    use super::*;

    #[test]
    fn what_waits_is_counted_through_other_names_of_the_outbox() {
        let ancestors = [Ancestor { epoch: Epoch::new("e"), shared: 7 }].into();
        let top = Position::new(Epoch::new("e~1"), 10);
        let page = HistoryPage { top, ancestors, ..HistoryPage::default() };
        for (epoch, offset, waiting) in
            [("e~1", 9, 1), ("e~1", 10, 0), ("e", 6, 4), ("e", 9, 3), ("f", 9, 10)]
        {
            let reached = Some(Reached { epoch: epoch.to_owned(), offset });
            let progress = Progress { reached, ..Progress::default() };
            assert_eq!(progress.waiting(&page), waiting, "{offset} of {epoch}");
        }
        assert_eq!(Progress::default().waiting(&page), 10);
    }
}
