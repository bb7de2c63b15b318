//! Notes beside inboxes that are not needed for ever: what of an inbox is read, and how far a route has
//! filled it.
//!
//! There may be two of them for every user there ever was. So each is due some time after what it
//! speaks of should be gone, and whoever finds it due looks whether that is so. Until then it is due
//! again later: nothing acknowledged is forgotten while there are messages, and nothing that may be
//! routed once more is taken for new.

use std::sync::Arc;

use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::inbox::Inbox;
use trunkline_core::limits::STREAM_IDLE_MS;
use trunkline_core::note::{Change, Due, Note, Wanted};
use trunkline_core::route::{is_unknown, read_place};

use crate::inbox;
use crate::node::Node;

/// What the names of notes begin with that say what of a channel has entered an inbox.
const FROM: &str = "from:";

/// How long a note stays, in milliseconds (1 hour), when all it speaks of should be gone: longer than
/// clocks of servers differ, than a node may hang with a page in its hands, and than it takes until a
/// stream that nobody uses is forgotten.
const MARGIN_MS: u64 = 3_600_000;

/// The name of the note beside an inbox that says what of a channel is in it.
pub(crate) fn from(channel: &ChannelName) -> Box<str> {
    format!("{FROM}{}", channel.as_str()).into()
}

/// Whether a note of this name is due to be looked after here.
pub(crate) fn concerns(name: &str) -> bool {
    name == inbox::NOTE || name.starts_with(FROM)
}

impl Node {
    /// When what of an inbox is read may be of no use any more: its messages have expired, and nobody
    /// has used its stream for so long that another one begins.
    pub(crate) fn inbox_tidied(&self) -> Due {
        let inbox = self.namespaces.inbox().and_then(|options| options.retention);
        let kept_ms = inbox.map_or(0, |kept| kept.ttl_ms).max(STREAM_IDLE_MS);
        Due::In(kept_ms.saturating_add(MARGIN_MS))
    }

    /// When a publication of this channel that is routed now cannot be routed again: it has expired.
    pub(crate) fn routed_tidied(&self, channel: &ChannelName) -> Due {
        let kept = self.namespaces.options(channel).and_then(|options| options.retention);
        Due::In(kept.map_or(0, |kept| kept.ttl_ms).saturating_add(MARGIN_MS))
    }

    /// A note is due: removes it, if what it speaks of is gone.
    pub(crate) fn tidy(self: &Arc<Self>, note: Note, done: Completion<Result<(), BackendError>>) {
        let source = note.key.name.strip_prefix(FROM).map(ChannelName::parse);
        let (channel, again) = match source {
            None => (note.key.channel.clone(), self.inbox_tidied()),
            Some(Ok(source)) => {
                let again = self.routed_tidied(&source);
                (source, again)
            }
            // There is no such channel, and nothing comes from it.
            Some(Err(_)) => return self.tidy_away(&note, None, done),
        };
        let of_inbox = *note.key.name == *inbox::NOTE;
        let node = Arc::clone(self);
        let looked = move |page: Result<HistoryPage, BackendError>| match page {
            Ok(page) => {
                let needed = if of_inbox { speaks_of(&note, &page) } else { holds(&note, &page) };
                let wanted = needed.then(|| Wanted { value: note.value.clone(), due: again });
                node.tidy_away(&note, wanted, done);
            }
            Err(error) => done(Err(error)),
        };
        let oldest = HistoryQuery { since: None, limit: 1, reverse: false };
        self.history(&channel, oldest, Box::new(looked));
    }

    /// Unless it has changed meanwhile: then it is due later anyway.
    fn tidy_away(
        &self,
        note: &Note,
        wanted: Option<Wanted>,
        done: Completion<Result<(), BackendError>>,
    ) {
        let change = Change::of(note.key.clone(), Some(note), wanted);
        let change = Change { when_due: true, ..change };
        self.notes.change(change, Box::new(|changed| done(changed.map(drop))));
    }
}

/// Whether what is read of an inbox still matters, whose oldest message is that of the page: there are
/// messages, or the next one will come behind those that were read.
fn speaks_of(note: &Note, page: &HistoryPage) -> bool {
    let read = Inbox::from_bytes(&note.value).read_up_to();
    !page.publications.is_empty() || (page.top.offset > 0 && !is_unknown(&read, page))
}

/// Whether a routed stream, whose oldest publication is that of the page, has anything of what a note
/// says is done.
fn holds(note: &Note, page: &HistoryPage) -> bool {
    let Some(done) = read_place(&note.value) else { return false };
    let oldest = page.publications.first();
    !is_unknown(&done, page) && oldest.is_some_and(|oldest| oldest.offset <= done.offset)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use trunkline_core::history::Ancestor;
    use trunkline_core::note::NoteKey;
    use trunkline_core::position::{Epoch, Position, Tag};
    use trunkline_core::publication::Publication;
    use trunkline_core::time::WallTime;

    use super::*;

    fn note(value: &'static str) -> Note {
        let key = NoteKey { channel: ChannelName::parse("#ann").unwrap(), name: "n".into() };
        Note { key, version: 1, due: None, value: value.into() }
    }

    /// Of a stream that was called `e` up to 5, if it is called `e~x`.
    fn page(top: (&str, u64), oldest: Option<u64>) -> HistoryPage {
        let publication = |offset| Publication {
            epoch: Epoch::new(top.0),
            offset,
            tag: Tag::START,
            before: None,
            data: Bytes::new(),
            info: None,
            tags: Vec::new(),
            time: WallTime(0),
        };
        let ancestor = Ancestor { epoch: Epoch::new("e"), shared: 5 };
        HistoryPage {
            top: Position::new(Epoch::new(top.0), top.1),
            publications: oldest.map(publication).into_iter().map(Arc::new).collect(),
            ancestors: Arc::from_iter((top.0 == "e~x").then_some(ancestor)),
            ..HistoryPage::default()
        }
    }

    #[test]
    fn what_is_read_matters_as_long_as_its_stream_goes_on() {
        for (oldest, top, needed) in [
            (Some(3), ("e~x", 9), true),
            (None, ("e~x", 9), true),
            (None, ("f", 0), false),
            (None, ("f", 2), false),
            (Some(2), ("f", 2), true),
        ] {
            assert_eq!(speaks_of(&note("e 7 0"), &page(top, oldest)), needed, "{top:?} {oldest:?}");
        }
    }

    #[test]
    fn what_has_entered_an_inbox_matters_as_long_as_it_is_in_the_routed_stream() {
        for (oldest, top, needed) in [
            (Some(7), ("e~x", 9), true),
            (Some(8), ("e~x", 9), false),
            (None, ("e~x", 9), false),
            (Some(1), ("f", 9), false),
        ] {
            assert_eq!(holds(&note("e 7"), &page(top, oldest)), needed, "{top:?} {oldest:?}");
        }
        assert!(!holds(&note("nonsense"), &page(("e", 9), Some(1))));
    }
}
