//! Where a subscription starts: at the top of the stream, or where its client was.

use std::sync::Arc;

use crate::gap::GapReason;
use crate::history::{HistoryPage, HistoryQuery};
use crate::namespace::{ChannelOptions, RecoveryMode};
use crate::position::Position;
use crate::publication::Publication;

/// Where a subscription starts.
#[derive(Debug, PartialEq)]
pub(super) struct Start {
    /// The place the client is at before it has read `publications`.
    pub(super) position: Position,
    /// What it missed, in order.
    pub(super) publications: Vec<Arc<Publication>>,
    /// Why it starts at the top though it asked to come back.
    pub(super) gap: Option<GapReason>,
}

/// What to read of a stream for a subscription that starts at `recover`, or at the top.
pub(super) fn query(recover: Option<&Position>, options: &ChannelOptions) -> HistoryQuery {
    let Some(from) = recover else { return HistoryQuery::default() };
    match options.recovery_mode {
        // One more than may be delivered: then a full page is not mistaken for a cut one.
        RecoveryMode::Stream => HistoryQuery {
            since: Some(from.clone()),
            limit: options.recovery_limit.saturating_add(1),
            reverse: false,
        },
        RecoveryMode::Cache => HistoryQuery { since: None, limit: 1, reverse: true },
    }
}

/// Decides, by what [`query`] has read, where the subscription starts.
pub(super) fn start(
    recover: Option<&Position>,
    options: &ChannelOptions,
    page: HistoryPage,
) -> Start {
    let Some(from) = recover else { return at_top(page, None) };
    match options.recovery_mode {
        RecoveryMode::Stream => after(from, options.recovery_limit, page),
        RecoveryMode::Cache => latest(from, page),
    }
}

/// All or nothing: every missed publication, or none and the reason.
fn after(from: &Position, limit: usize, page: HistoryPage) -> Start {
    let fits = page.publications.len() <= limit;
    let whole = page.recovers(from).and(if fits { Ok(()) } else { Err(GapReason::Limit) });
    if let Err(reason) = whole {
        return at_top(page, Some(reason));
    }
    Start {
        position: Position { epoch: page.top.epoch, offset: from.offset, tag: page.anchor },
        publications: page.publications,
        gap: None,
    }
}

/// The latest publication, which stands for all before it; nothing if the client has it.
fn latest(from: &Position, page: HistoryPage) -> Start {
    let at_home = from.epoch.is_empty() || from.epoch == page.top.epoch;
    let current = at_home && from.offset == page.top.offset;
    match (page.publications.is_empty(), current) {
        (_, true) => at_top(page, None),
        (false, false) => {
            // Before it, not at it: a connection that breaks in between must not lose it.
            let before = Position::new(page.top.epoch, page.top.offset.saturating_sub(1));
            Start { position: before, publications: page.publications, gap: None }
        }
        (true, false) => {
            let reason = page.continues(from).err().unwrap_or(GapReason::Trimmed);
            at_top(page, Some(reason))
        }
    }
}

fn at_top(page: HistoryPage, gap: Option<GapReason>) -> Start {
    Start { position: page.top, publications: Vec::new(), gap }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Epoch, Tag};
    use crate::time::WallTime;

    fn options(mode: RecoveryMode) -> ChannelOptions {
        ChannelOptions { recovery_mode: mode, recovery_limit: 3, ..ChannelOptions::default() }
    }

    fn page(top: u64, offsets: impl IntoIterator<Item = u64>) -> HistoryPage {
        let epoch = Epoch::new("e");
        let publication = |offset| {
            let epoch = epoch.clone();
            let (tag, data, time) = (Tag::START, bytes::Bytes::new(), WallTime(0));
            let before = None;
            Arc::new(Publication {
                epoch,
                offset,
                tag,
                before,
                data,
                info: None,
                tags: vec![],
                time,
            })
        };
        HistoryPage {
            top: Position::new(epoch.clone(), top),
            publications: offsets.into_iter().map(publication).collect(),
            ..HistoryPage::default()
        }
    }

    fn from(offset: u64) -> Position {
        Position::new(Epoch::new("e"), offset)
    }

    fn outcome(start: &Start) -> (u64, Vec<u64>, Option<GapReason>) {
        let offsets = start.publications.iter().map(|publication| publication.offset).collect();
        (start.position.offset, offsets, start.gap)
    }

    #[test]
    fn a_stream_gives_all_that_was_missed_or_nothing() {
        let options = options(RecoveryMode::Stream);
        let start = |since: u64, page| outcome(&start(Some(&from(since)), &options, page));
        assert_eq!(start(4, page(7, 5..=7)), (4, vec![5, 6, 7], None));
        assert_eq!(start(7, page(7, [])), (7, vec![], None));
        assert_eq!(start(3, page(7, 4..=7)), (7, vec![], Some(GapReason::Limit)), "4 of 3");
        assert_eq!(start(3, page(9, 4..=7)), (9, vec![], Some(GapReason::Limit)), "cut");
        assert_eq!(start(3, page(7, 5..=7)), (7, vec![], Some(GapReason::Trimmed)));
    }

    #[test]
    fn a_cache_gives_the_latest() {
        let options = options(RecoveryMode::Cache);
        let start = |since: &Position, page| outcome(&start(Some(since), &options, page));
        assert_eq!(start(&from(2), page(7, 7..=7)), (6, vec![7], None));
        assert_eq!(start(&from(7), page(7, 7..=7)), (7, vec![], None), "has it");
        assert_eq!(start(&Position::default(), page(7, 7..=7)), (6, vec![7], None));
        assert_eq!(start(&Position::default(), page(0, [])), (0, vec![], None), "nothing yet");
        assert_eq!(start(&from(2), page(7, [])), (7, vec![], Some(GapReason::Trimmed)));
        let other = Position::new(Epoch::new("other"), 7);
        assert_eq!(start(&other, page(7, 7..=7)), (6, vec![7], None), "the latest is enough");
        assert_eq!(start(&other, page(7, [])).2, Some(GapReason::EpochChanged));
    }
}
