//! Reading the stream of a channel, and judging what was read.

use std::sync::Arc;

use crate::gap::GapReason;
use crate::position::{Epoch, Position, Tag};
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

/// An earlier history that a stream shares the beginning of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// The name it had.
    pub epoch: Epoch,
    /// Up to this offset both are the same.
    pub shared: u64,
}

/// A slice of a stream, taken at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The place of the newest publication at that moment.
    pub top: Position,
    /// What was asked for, in order.
    pub publications: Vec<Arc<Publication>>,
    /// The tag at the offset the page was read since, where it is known still.
    pub anchor: Option<Tag>,
    /// The histories this one has come from.
    pub ancestors: Arc<[Ancestor]>,
}

impl HistoryPage {
    /// Whether `from`, the place the page was read since, stands in this very history. A position
    /// without an epoch stands in any; equal tags prove an equal past, whatever it was called.
    ///
    /// # Errors
    /// Why it does not.
    pub fn continues(&self, from: &Position) -> Result<(), GapReason> {
        let proved = from.tag.zip(self.anchor).map(|(seen, held)| seen == held);
        let at_home = from.epoch.is_empty() || from.epoch == self.top.epoch;
        let ancestor = self.ancestors.iter().find(|ancestor| ancestor.epoch == from.epoch);
        match (proved, ancestor) {
            _ if at_home && proved != Some(false) => Ok(()),
            _ if at_home => Err(GapReason::Forked),
            // Another stream's tags start from the same place, and prove nothing there.
            (_, None) => Err(GapReason::EpochChanged),
            (Some(true), _) => Ok(()),
            (Some(false), _) => Err(GapReason::Forked),
            (None, Some(ancestor)) if from.offset > ancestor.shared => Err(GapReason::Forked),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Whether the page, read forward since `from`, is all that was missed between `from` and the
    /// top: it is of the same history, and runs without a hole from `from.offset + 1` to the top.
    ///
    /// # Errors
    /// Why it is not. [`GapReason::Limit`] says that it is all right but ends before the top.
    pub fn recovers(&self, from: &Position) -> Result<(), GapReason> {
        self.continues(from)?;
        if from.offset > self.top.offset {
            // The same name, and yet further than the stream has come.
            return Err(GapReason::Forked);
        }
        match (self.publications.first(), self.publications.last()) {
            (Some(first), _) if first.offset != from.offset + 1 => Err(GapReason::Trimmed),
            (Some(_), Some(last)) if last.offset != self.top.offset => Err(GapReason::Limit),
            (None, _) if from.offset != self.top.offset => Err(GapReason::Trimmed),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    fn page(epoch: &str, top: u64, offsets: &[u64]) -> HistoryPage {
        let publication = |&offset: &u64| {
            Arc::new(Publication {
                epoch: Epoch::new(epoch),
                offset,
                tag: Tag::START,
                before: None,
                data: bytes::Bytes::new(),
                info: None,
                tags: Vec::new(),
                time: WallTime(0),
            })
        };
        HistoryPage {
            top: from(epoch, top),
            publications: offsets.iter().map(publication).collect(),
            ..HistoryPage::default()
        }
    }

    fn from(epoch: &str, offset: u64) -> Position {
        Position::new(Epoch::new(epoch), offset)
    }

    #[test]
    fn recovered_means_every_missed_publication_is_there() {
        assert_eq!(page("e", 4, &[3, 4]).recovers(&from("e", 2)), Ok(()));
        assert_eq!(page("e", 4, &[]).recovers(&from("e", 4)), Ok(()));
        assert_eq!(page("e", 4, &[4]).recovers(&from("", 3)), Ok(()));
    }

    #[test]
    fn anything_less_has_a_reason() {
        use GapReason::{EpochChanged, Forked, Limit, Trimmed};
        for (since, offsets, reason, why) in [
            (from("other", 4), &[][..], EpochChanged, "another life of the stream"),
            (from("e", 1), &[3, 4], Trimmed, "2 was trimmed"),
            (from("e", 1), &[2, 3], Limit, "cut by the limit"),
            (from("e", 9), &[], Forked, "ahead of the stream"),
            (from("", 9), &[], Forked, "ahead of the stream"),
            (from("e", 1), &[], Trimmed, "all trimmed"),
        ] {
            assert_eq!(page("e", 4, offsets).recovers(&since), Err(reason), "{why}");
        }
    }

    #[test]
    fn an_older_lineage_is_the_same_history_up_to_the_parting() {
        let ancestors = [Ancestor { epoch: Epoch::new("e"), shared: 3 }].into();
        let page =
            |offsets| HistoryPage { ancestors: Arc::clone(&ancestors), ..page("e-1", 5, offsets) };
        assert_eq!(page(&[4, 5]).recovers(&from("e", 3)), Ok(()));
        assert_eq!(page(&[5]).recovers(&from("e", 4)), Err(GapReason::Forked));
        assert_eq!(page(&[5]).recovers(&from("e-1", 4)), Ok(()));
        let tag = Some(Tag([1; 8]));
        let proved = HistoryPage { anchor: tag, ..page(&[5]) };
        let seen = |epoch| Position { tag, ..from(epoch, 4) };
        assert_eq!(proved.recovers(&seen("e")), Ok(()), "it was there when the name changed");
        assert_eq!(proved.recovers(&seen("f")), Err(GapReason::EpochChanged), "never heard of");
    }

    #[test]
    fn a_tag_that_differs_is_another_history() {
        let tag = |byte| Some(Tag([byte; 8]));
        let page = HistoryPage { anchor: tag(1), ..page("e", 4, &[3, 4]) };
        assert_eq!(page.recovers(&Position { tag: tag(1), ..from("e", 2) }), Ok(()));
        assert_eq!(page.recovers(&from("e", 2)), Ok(()), "nothing to compare");
        let other = Position { tag: tag(2), ..from("e", 2) };
        assert_eq!(page.recovers(&other), Err(GapReason::Forked));
        assert_eq!(
            page.continues(&Position { epoch: Epoch::default(), ..other }),
            Err(GapReason::Forked)
        );
    }
}
