//! Routes: how far the publications of a channel have been handed to the users they name.
//!
//! Two places are noted: beside the routed channel, up to where everything is done; and beside each
//! user's channel, the last publication that is in their inbox. The first says where to go on. The
//! second moves in the same step as the inbox, so that nothing enters it twice, whoever carries the
//! route out and however often.

use std::sync::Arc;

use bytes::Bytes;

use crate::gap::GapReason;
use crate::history::{HistoryPage, HistoryQuery};
use crate::position::{Epoch, Position};
use crate::publication::Publication;

/// Reads the place in a note: `EPOCH OFFSET`. `None` for anything else.
#[must_use]
pub fn read_place(note: &[u8]) -> Option<Position> {
    let (epoch, offset) = std::str::from_utf8(note).ok()?.split_once(' ')?;
    Some(Position::new(Epoch::new(epoch), offset.parse().ok()?))
}

/// The note of a place.
#[must_use]
pub fn write_place(place: &Position) -> Bytes {
    format!("{} {}", place.epoch.as_str(), place.offset).into()
}

/// Whether the publication at `offset` of the stream of `page` is done, if `last` is.
#[must_use]
pub fn is_done(last: &Position, offset: u64, page: &HistoryPage) -> bool {
    let last = Position { tag: None, ..last.clone() };
    // What was done in a history that this one did not come from says nothing.
    last.offset >= offset && page.continues(&last).is_ok()
}

/// Whether the history in which `last` was done is none that the page knows: that of another stream, or
/// one that this stream has taken on since the page was read.
#[must_use]
pub fn is_unknown(last: &Position, page: &HistoryPage) -> bool {
    let last = Position { tag: None, ..last.clone() };
    page.continues(&last) == Err(GapReason::EpochChanged)
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// These, in order.
    pub publications: Vec<Arc<Publication>>,
    /// Up to where everything is done then.
    pub up_to: Position,
    /// Whether there is more behind them.
    pub more: bool,
    /// What was gone before it could be done, if anything was.
    pub gone: Option<Gone>,
}

/// Publications that were gone before they could be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Why.
    pub reason: GapReason,
    /// How many, as far as that can be known.
    pub publications: u64,
}

/// What a page means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It has to be read again, like this: the stream is another one than before.
    ReadAgain(HistoryQuery),
    /// Nothing is to be done.
    Nothing,
    /// Something is.
    Do(Stretch),
}

/// Says what is next, after `reached`, of a stream of which `page` was read; `since` is where it was
/// read from, which is another place than `reached` if it was read again.
#[must_use]
pub fn next(reached: Option<&Position>, since: Option<&Position>, page: HistoryPage) -> Next {
    let start = Position::new(page.top.epoch.clone(), 0);
    let reached = reached.unwrap_or(&start);
    let broken = page.continues(reached).err().or_else(|| {
        // The same name, and yet further than the stream has come.
        (reached.offset > page.top.offset).then_some(GapReason::Forked)
    });
    let from = match broken {
        None => reached.offset,
        Some(_) => {
            let parted = page.ancestors.iter().find(|ancestor| ancestor.epoch == reached.epoch);
            let offset = parted.map_or(0, |parted| parted.shared.min(reached.offset));
            let from = Position::new(page.top.epoch.clone(), offset);
            let as_read = since.map_or(0, |since| since.offset);
            if as_read != offset {
                let limit = page.publications.len().max(1);
                return Next::ReadAgain(HistoryQuery { since: Some(from), limit, reverse: false });
            }
            offset
        }
    };
    let first = page.publications.first().map_or(page.top.offset + 1, |first| first.offset);
    let missing = first.saturating_sub(from + 1);
    let gone = match (broken, missing) {
        (None, 0) => None,
        (None, publications) => Some(Gone { reason: GapReason::Trimmed, publications }),
        (Some(reason), publications) => Some(Gone { reason, publications }),
    };
    let last = page.publications.last().map_or(page.top.offset, |last| last.offset);
    if gone.is_none() && last <= from {
        return Next::Nothing;
    }
    Next::Do(Stretch {
        more: last < page.top.offset,
        up_to: Position::new(page.top.epoch, last),
        publications: page.publications,
        gone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Ancestor;
    use crate::position::Tag;
    use crate::time::WallTime;

    fn at(epoch: &str, offset: u64) -> Position {
        Position::new(Epoch::new(epoch), offset)
    }

    fn page(epoch: &str, top: u64, offsets: impl IntoIterator<Item = u64>) -> HistoryPage {
        let publication = |offset| {
            Arc::new(Publication {
                epoch: Epoch::new(epoch),
                offset,
                tag: Tag::START,
                before: None,
                data: Bytes::new(),
                info: None,
                tags: Vec::new(),
                time: WallTime(0),
            })
        };
        let publications = offsets.into_iter().map(publication).collect();
        HistoryPage { top: at(epoch, top), publications, ..HistoryPage::default() }
    }

    fn stretch(next: Next) -> (Vec<u64>, Position, bool, Option<Gone>) {
        let Next::Do(stretch) = next else { panic!("{next:?}") };
        let offsets = stretch.publications.iter().map(|one| one.offset).collect();
        (offsets, stretch.up_to, stretch.more, stretch.gone)
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        assert_eq!(read_place(&write_place(&at("e", 7))), Some(at("e", 7)));
        assert_eq!(read_place(b"nonsense"), None);
    }

    #[test]
    fn it_begins_with_the_oldest_and_goes_on_behind_what_is_done() {
        let first = stretch(next(None, None, page("e", 5, [1, 2])));
        assert_eq!(first, (vec![1, 2], at("e", 2), true, None));
        let since = at("e", 2);
        let rest = stretch(next(Some(&since), Some(&since), page("e", 5, 3..=5)));
        assert_eq!(rest, (vec![3, 4, 5], at("e", 5), false, None));
        let end = at("e", 5);
        assert_eq!(next(Some(&end), Some(&end), page("e", 5, [])), Next::Nothing);
        assert_eq!(next(None, None, page("e", 0, [])), Next::Nothing);
    }

    #[test]
    fn what_was_trimmed_is_told() {
        let since = at("e", 2);
        let (offsets, up_to, _, gone) =
            stretch(next(Some(&since), Some(&since), page("e", 7, [6, 7])));
        assert_eq!((offsets, up_to), (vec![6, 7], at("e", 7)));
        assert_eq!(gone, Some(Gone { reason: GapReason::Trimmed, publications: 3 }));
        let (_, up_to, _, gone) = stretch(next(Some(&since), Some(&since), page("e", 7, [])));
        assert_eq!((up_to, gone.unwrap().publications), (at("e", 7), 5));
    }

    #[test]
    fn another_stream_is_read_from_its_beginning() {
        let reached = at("old", 40);
        let Next::ReadAgain(query) = next(Some(&reached), Some(&reached), page("new", 3, []))
        else {
            panic!("it was read behind its end");
        };
        assert_eq!(query.since, Some(at("new", 0)));
        let again = next(Some(&reached), query.since.as_ref(), page("new", 3, 1..=3));
        let (offsets, _, _, gone) = stretch(again);
        assert_eq!(offsets, [1, 2, 3]);
        assert_eq!(gone, Some(Gone { reason: GapReason::EpochChanged, publications: 0 }));
    }

    #[test]
    fn a_stream_that_has_forked_goes_on_where_it_parted() {
        let reached = at("e", 9);
        let ancestors: Arc<[Ancestor]> = [Ancestor { epoch: Epoch::new("e"), shared: 6 }].into();
        let forked = |offsets: Vec<u64>| HistoryPage {
            ancestors: Arc::clone(&ancestors),
            ..page("e-1", 8, offsets)
        };
        let Next::ReadAgain(query) = next(Some(&reached), Some(&reached), forked(vec![])) else {
            panic!("what is behind the parting was not read");
        };
        assert_eq!(query.since, Some(at("e-1", 6)));
        let again = next(Some(&reached), query.since.as_ref(), forked(vec![7, 8]));
        let (offsets, _, _, gone) = stretch(again);
        assert_eq!((offsets, gone.unwrap().reason), (vec![7, 8], GapReason::Forked));
        assert!(is_done(&at("e", 6), 6, &forked(vec![])), "from before the parting");
        assert!(!is_done(&at("e", 9), 7, &forked(vec![])), "that one was another");
        assert!(is_done(&at("e-1", 8), 7, &forked(vec![])));
        assert!(is_unknown(&at("e-1", 8), &page("e", 9, [])), "its name is younger than the page");
        assert!(is_unknown(&at("f", 9), &forked(vec![])));
        assert!(
            !is_unknown(&at("e", 9), &forked(vec![]))
                && !is_unknown(&at("e-1", 9), &forked(vec![]))
        );
    }
}
