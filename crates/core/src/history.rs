//! Reading the stream of a channel.

use std::sync::Arc;

use crate::position::Position;
use crate::publication::Publication;

/// What to read of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Start after this place (before it when `reverse`); `None` for the very beginning (end).
    pub since: Option<Position>,
    /// Publications at most; 0 only asks for the position of the top.
    pub limit: usize,
    /// Newest first.
    pub reverse: bool,
}

/// A slice of a stream, taken at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The place of the newest publication at that moment.
    pub top: Position,
    /// What was asked for, in order.
    pub publications: Vec<Arc<Publication>>,
}

impl HistoryPage {
    /// Whether this is a page of the very stream that `since` stands in. A position without an
    /// epoch stands in any.
    #[must_use]
    pub fn continues(&self, since: &Position) -> bool {
        since.epoch.is_empty() || since.epoch == self.top.epoch
    }
}

/// Whether `page`, read since `from`, is all that was missed between `from` and the top.
///
/// The rule of the Centrifuge protocol: the epoch is the same (or the client knows none), and the
/// missed publications run without a hole from `from.offset + 1` to the top.
#[must_use]
pub fn recovers(from: &Position, page: &HistoryPage) -> bool {
    page.continues(from)
        && match (page.publications.first(), page.publications.last()) {
            (Some(first), Some(last)) => {
                first.offset.checked_sub(1) == Some(from.offset) && last.offset == page.top.offset
            }
            _ => from.offset == page.top.offset,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Epoch;
    use crate::time::WallTime;

    fn page(epoch: &str, top: u64, offsets: &[u64]) -> HistoryPage {
        let publication = |&offset: &u64| {
            Arc::new(Publication {
                epoch: Epoch::new(epoch),
                offset,
                data: bytes::Bytes::new(),
                info: None,
                tags: Vec::new(),
                time: WallTime(0),
            })
        };
        HistoryPage {
            top: Position { epoch: Epoch::new(epoch), offset: top },
            publications: offsets.iter().map(publication).collect(),
        }
    }

    fn from(epoch: &str, offset: u64) -> Position {
        Position { epoch: Epoch::new(epoch), offset }
    }

    #[test]
    fn recovered_means_every_missed_publication_is_there() {
        assert!(recovers(&from("e", 2), &page("e", 4, &[3, 4])));
        assert!(recovers(&from("e", 4), &page("e", 4, &[])));
        assert!(recovers(&from("", 3), &page("e", 4, &[4])));
    }

    #[test]
    fn anything_less_is_not_recovered() {
        assert!(!recovers(&from("other", 4), &page("e", 4, &[])), "another life of the stream");
        assert!(!recovers(&from("e", 1), &page("e", 4, &[3, 4])), "2 was trimmed");
        assert!(!recovers(&from("e", 1), &page("e", 4, &[2, 3])), "cut by the limit");
        assert!(!recovers(&from("e", 9), &page("e", 4, &[])), "ahead of the stream");
        assert!(!recovers(&from("e", 1), &page("e", 4, &[])), "all trimmed");
    }
}
