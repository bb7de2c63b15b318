//! The place of a stream's newest record, as the scripts keep it (see `scripts/prelude.lua`), and
//! what they answer.

use trunkline_core::backend::Published;
use trunkline_core::history::{Ancestor, HistoryPage};
use trunkline_core::position::{Epoch, Position, Tag};

use super::record::{epoch, publication};
use crate::resp::Reply;

/// Fields of a top before those that name earlier histories.
const FIELDS: usize = 8;

/// Reads the answer of the script that publishes.
pub(crate) fn published(answer: &str) -> Option<Published> {
    let mut words = answer.split(' ');
    let duplicate = words.next()? == "1";
    let (name, offset, tag) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    let at = Position { epoch: epoch(name), offset, tag: Some(Tag::parse(tag)?) };
    Some(Published { position: (offset > 0).then_some(at), duplicate })
}

/// Reads the answer of the script that reads a stream, since a place of this epoch if of any.
pub(crate) fn page(answer: &Reply, since: Option<&Epoch>) -> Option<HistoryPage> {
    let [top, anchor, records] = answer.list()? else { return None };
    let (top, mut ancestors) = read(top.text()?)?;
    ancestors.extend(since.and_then(|since| unheard_of(since, &top, &ancestors)));
    let anchor = match anchor.text()? {
        "" => None,
        tag => Some(Tag::parse(tag)?),
    };
    let record = |pair: &[Reply]| {
        let offset = pair[0].text()?.parse().ok()?;
        publication(&top.epoch, offset, pair[1].bytes()?)
    };
    let publications = records.list()?.chunks_exact(2).map(record).collect::<Option<_>>()?;
    Some(HistoryPage { top, publications, anchor, ancestors: ancestors.into() })
}

/// A history that somebody was in and the stream has never heard of, though it is of the same life:
/// the server that gave it its name is gone with all that it had not passed on. Where they parted
/// nobody knows, so that only tags can prove anything.
fn unheard_of(since: &Epoch, top: &Position, ancestors: &[Ancestor]) -> Option<Ancestor> {
    let life = |epoch: &Epoch| epoch.as_str().split('~').next().unwrap_or_default().to_owned();
    let known = *since == top.epoch || ancestors.iter().any(|known| known.epoch == *since);
    let same_life = !since.is_empty() && life(since) == life(&top.epoch);
    (same_life && !known).then(|| Ancestor { epoch: since.clone(), shared: 0 })
}

fn read(text: &str) -> Option<(Position, Vec<Ancestor>)> {
    let words: Vec<&str> = text.split(' ').collect();
    let (fields, past) = words.split_at_checked(FIELDS)?;
    let top = Position {
        epoch: epoch(fields[0]),
        offset: fields[1].parse().ok()?,
        tag: Some(Tag::parse(fields[2])?),
    };
    let ancestor = |word: &&str| {
        let (name, shared) = word.rsplit_once(':')?;
        Some(Ancestor { epoch: epoch(name), shared: shared.parse().ok()? })
    };
    Some((top, past.iter().map(ancestor).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::gap::GapReason;

    #[test]
    fn a_top_names_the_histories_it_has_come_from() {
        let (top, past) = read("e~2 7 00000000000000ff 9 0 1 300000 2 e:3 e~1:5").unwrap();
        assert_eq!((top.epoch, top.offset), (Epoch::new("e~2"), 7));
        let past: Vec<_> = past.iter().map(|a| (a.epoch.as_str().to_owned(), a.shared)).collect();
        assert_eq!(past, [("e".to_owned(), 3), ("e~1".to_owned(), 5)]);
        assert_eq!(read("e 7 00000000000000ff 9"), None);
        assert_eq!(read("e 7 00000000000000ff 9 0 1 300000 2 e"), None);
    }

    #[test]
    fn who_was_in_a_history_that_died_with_its_server_has_seen_a_fork() {
        let text = |text: &str| Reply::Bytes(text.to_owned().into());
        let read_since = |name: &str, anchor: &str, tag: Option<Tag>| {
            let top = text("e~1 7 00000000000000ff 9 0 1 300000 2 e:3");
            let answer = Reply::List(vec![top, text(anchor), Reply::List(vec![])]);
            let from = Position { tag, ..Position::new(Epoch::new(name), 7) };
            page(&answer, Some(&from.epoch)).unwrap().continues(&from)
        };
        let (same, other) = (Tag([0, 0, 0, 0, 0, 0, 0, 0xff]), Tag([1; 8]));
        let anchor = "00000000000000ff";
        assert_eq!(read_since("e~2", anchor, Some(other)), Err(GapReason::Forked));
        assert_eq!(read_since("e~2", anchor, Some(same)), Ok(()));
        assert_eq!(read_since("e~2", "", None), Err(GapReason::Forked));
        // Another life is another stream.
        assert_eq!(read_since("f~2", anchor, Some(other)), Err(GapReason::EpochChanged));
        assert_eq!(read_since("e~1", anchor, Some(other)), Err(GapReason::Forked));
    }

    #[test]
    fn where_nothing_is_kept_there_is_no_place() {
        let published = |answer| published(answer).unwrap();
        assert_eq!(published("0 - 0 0000000000000000").position, None);
        let again = published("1 e 4 00000000000000ff");
        assert_eq!((again.position.unwrap().offset, again.duplicate), (4, true));
    }
}
