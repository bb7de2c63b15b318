//! Notes as a value: what a backend keeps of them in memory.

use std::collections::{BTreeSet, HashMap};

use crate::limits::{NOTE_BYTES, NOTES};
use crate::note::{Change, Due, Expected, Note, NoteKey, Pending, Window};
use crate::time::WallTime;

/// Notes in memory. It is told the time, and names versions itself.
#[derive(Debug, Default)]
pub struct Notebook {
    notes: HashMap<NoteKey, Note>,
    due: BTreeSet<(WallTime, NoteKey)>,
    last_version: u64,
}

/// Why a change must not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The note is not as it was expected to be.
    Other(Option<Note>),
    /// It is not due yet.
    Early(Note),
    /// There are as many as there may be, or it is too long.
    Full,
}

impl Notebook {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// All of them, in no order.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.values()
    }

    /// A note.
    #[must_use]
    pub fn get(&self, key: &NoteKey) -> Option<&Note> {
        self.notes.get(key)
    }

    /// Versions from now on are higher than this one.
    pub fn count_from(&mut self, version: u64) {
        self.last_version = self.last_version.max(version);
    }

    /// Whether a change may be made now.
    ///
    /// # Errors
    /// Says why it may not.
    pub fn check(&self, change: &Change, now: WallTime) -> Result<(), Refusal> {
        let present = self.notes.get(&change.key);
        let as_expected = match change.expected {
            Expected::Anything => true,
            Expected::Nothing => present.is_none(),
            Expected::Version(version) => present.is_some_and(|note| note.version == version),
        };
        if !as_expected {
            return Err(Refusal::Other(present.cloned()));
        }
        if change.when_due {
            match present {
                Some(note) if note.due.is_some_and(|due| due <= now) => {}
                Some(note) => return Err(Refusal::Early(note.clone())),
                None => return Err(Refusal::Other(None)),
            }
        }
        if let Some(wanted) = &change.wanted
            && (wanted.value.len() > NOTE_BYTES || (present.is_none() && self.notes.len() >= NOTES))
        {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Makes the change of a note, which may be made. Returns the note as it is then; of a removed
    /// one, its last version and nothing else.
    pub fn make(&mut self, change: &Change, now: WallTime) -> Note {
        self.last_version += 1;
        let (value, due) = match &change.wanted {
            Some(wanted) => (wanted.value.clone(), wanted.due.at(now)),
            None => (bytes::Bytes::new(), None),
        };
        let note = Note { key: change.key.clone(), version: self.last_version, due, value };
        if change.wanted.is_some() {
            self.put(note.clone());
        } else {
            self.remove(&change.key, note.version);
        }
        note
    }

    /// Puts a note in its place, as it is.
    pub fn put(&mut self, note: Note) {
        self.last_version = self.last_version.max(note.version);
        if let Some(due) = note.due {
            self.due.insert((due, note.key.clone()));
        }
        let (key, due) = (note.key.clone(), note.due);
        if let Some(before) = self.notes.insert(key, note)
            && let Some(was_due) = before.due
            && before.due != due
        {
            self.due.remove(&(was_due, before.key));
        }
    }

    /// Removes a note, which takes a version as well.
    pub fn remove(&mut self, key: &NoteKey, version: u64) {
        self.last_version = self.last_version.max(version);
        if let Some((key, note)) = self.notes.remove_entry(key)
            && let Some(due) = note.due
        {
            self.due.remove(&(due, key));
        }
    }

    /// The notes in a window.
    #[must_use]
    pub fn pending(&self, window: &Window, now: WallTime) -> Pending {
        let from = match &window.after {
            Some(after) => std::ops::Bound::Excluded(after.clone()),
            None => std::ops::Bound::Unbounded,
        };
        let mut rest = self.due.range((from, std::ops::Bound::Unbounded)).peekable();
        let mut notes = Vec::new();
        while notes.len() < window.limit
            && let Some((_, key)) = rest.next_if(|(due, _)| !window.due_now || *due <= now)
        {
            notes.extend(self.notes.get(key).cloned());
        }
        Pending { now, notes, next: rest.peek().map(|(due, _)| *due) }
    }
}

impl Due {
    /// When that is, if it is said now.
    #[must_use]
    pub fn at(self, now: WallTime) -> Option<WallTime> {
        match self {
            Self::Never => None,
            Self::At(time) => Some(time),
            Self::In(ms) => Some(WallTime(now.0.saturating_add(ms))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::ChannelName;
    use crate::note::Wanted;

    fn key(name: &str) -> NoteKey {
        NoteKey { channel: ChannelName::parse("a").unwrap(), name: name.into() }
    }

    fn change(name: &str, expected: Expected, due: Due) -> Change {
        let wanted = Some(Wanted { value: "v".into(), due });
        Change { key: key(name), expected, when_due: false, wanted, draft: None, replicas: 0 }
    }

    fn make(book: &mut Notebook, change: &Change, now: u64) -> Result<u64, Refusal> {
        book.check(change, WallTime(now))?;
        Ok(book.make(change, WallTime(now)).version)
    }

    #[test]
    fn a_change_happens_only_to_what_is_expected() {
        let mut book = Notebook::default();
        let first = make(&mut book, &change("n", Expected::Nothing, Due::Never), 0).unwrap();
        let again = make(&mut book, &change("n", Expected::Nothing, Due::Never), 0);
        assert!(matches!(again, Err(Refusal::Other(Some(note))) if note.version == first));
        let next = make(&mut book, &change("n", Expected::Version(first), Due::Never), 0).unwrap();
        assert!(next > first);
        assert!(make(&mut book, &change("n", Expected::Version(first), Due::Never), 0).is_err());
    }

    #[test]
    fn versions_do_not_come_back_after_a_removal() {
        let mut book = Notebook::default();
        let first = make(&mut book, &change("n", Expected::Nothing, Due::Never), 0).unwrap();
        let removal = Change { wanted: None, ..change("n", Expected::Anything, Due::Never) };
        make(&mut book, &removal, 0).unwrap();
        assert_eq!(book.get(&key("n")), None);
        let next = make(&mut book, &change("n", Expected::Nothing, Due::Never), 0).unwrap();
        assert!(next > first + 1);
    }

    #[test]
    fn what_is_not_due_is_not_taken() {
        let mut book = Notebook::default();
        make(&mut book, &change("n", Expected::Nothing, Due::In(10)), 5).unwrap();
        let taking =
            Change { when_due: true, wanted: None, ..change("n", Expected::Anything, Due::Never) };
        assert!(matches!(make(&mut book, &taking, 14), Err(Refusal::Early(_))));
        assert!(make(&mut book, &taking, 15).is_ok());
        assert!(matches!(make(&mut book, &taking, 15), Err(Refusal::Other(None))));
    }

    #[test]
    fn notes_come_in_the_order_in_which_they_are_due() {
        let mut book = Notebook::default();
        for (name, due) in [("c", 30), ("b", 10), ("a", 10), ("d", 40)] {
            make(&mut book, &change(name, Expected::Nothing, Due::At(WallTime(due))), 0).unwrap();
        }
        // Moved: it counts where it is now only.
        make(&mut book, &change("d", Expected::Anything, Due::At(WallTime(20))), 0).unwrap();
        let window = Window { after: None, due_now: true, limit: 10 };
        let names = |pending: &Pending| -> Vec<String> {
            pending.notes.iter().map(|note| note.key.name.to_string()).collect()
        };
        let due = book.pending(&window, WallTime(20));
        assert_eq!(
            (names(&due), due.next),
            (vec!["a".into(), "b".into(), "d".into()], Some(WallTime(30)))
        );
        let after = Some((WallTime(10), key("a")));
        let page = book.pending(&Window { after, due_now: false, limit: 2 }, WallTime(0));
        assert_eq!((names(&page), page.next), (vec!["b".into(), "d".into()], Some(WallTime(30))));
    }
}
