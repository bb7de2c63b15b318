//! Notes: small durable values beside a channel, and the port to what keeps them.
//!
//! A note has a name, a version, and perhaps a time at which it is due. What must not be done twice,
//! nor forgotten, is done by changing one: a [`Change`] happens only if the note is as its maker
//! believes, and may publish into the note's channel in the same step. Schedules, the state of
//! inboxes, and how far something was carried out are notes.
//!
//! A note is kept where its channel is, and is as durable as the channel's publications. Times are
//! compared with one clock only, the backend's.

use bytes::Bytes;

use crate::backend::{BackendError, Completion, Published};
use crate::channel::ChannelName;
use crate::publication::Draft;
use crate::time::WallTime;

/// Which note.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoteKey {
    /// Beside which channel.
    pub channel: ChannelName,
    /// Its name there: 1 to [`NOTE_NAME_BYTES`](crate::limits::NOTE_NAME_BYTES) of printable ASCII
    /// without blanks. By convention `kind:rest`.
    pub name: Box<str>,
}

/// A note as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which.
    pub key: NoteKey,
    /// Changes with every change, and never comes back, even if the note is removed and made anew.
    pub version: u64,
    /// When it is due, if ever.
    pub due: Option<WallTime>,
    /// What it says; opaque here. At most [`NOTE_BYTES`](crate::limits::NOTE_BYTES).
    pub value: Bytes,
}

/// What a note must be for a change to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything, or nothing.
    Anything,
    /// Not there.
    Nothing,
    /// As it was at this version.
    Version(u64),
}

/// When a note is to be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Never.
    Never,
    /// At this time of the backend's clock.
    At(WallTime),
    /// So many milliseconds from now.
    In(u64),
}

/// What a note is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it says.
    pub value: Bytes,
    /// When it is due.
    pub due: Due,
}

/// Something to be done to a note, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which note.
    pub key: NoteKey,
    /// What it must be before.
    pub expected: Expected,
    /// It must be due already.
    pub when_due: bool,
    /// What it is afterwards; `None` removes it.
    pub wanted: Option<Wanted>,
    /// Published in the same step; into the channel of the note. An idempotency key that was used
    /// already stops the publication, not the change.
    pub draft: Option<Draft>,
    /// How many copies are to have it before it is told that it was made, as
    /// [`Draft::replicas`](crate::publication::Draft::replicas); where the draft asks for more, so many.
    pub replicas: u8,
}

impl Change {
    /// Makes a note what is wanted, if it still is as it was found. Nothing is published.
    #[must_use]
    pub fn of(key: NoteKey, found: Option<&Note>, wanted: Option<Wanted>) -> Self {
        let expected = found.map_or(Expected::Nothing, |note| Expected::Version(note.version));
        Self { key, expected, when_due: false, wanted, draft: None, replicas: 0 }
    }
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was made.
    Made {
        /// The note's version from now on; of a removed one, what it would be.
        version: u64,
        /// When it is due.
        due: Option<WallTime>,
        /// What was published, if anything was to be.
        published: Option<Published>,
    },
    /// The note is not as it was expected to be; nothing was done.
    Refused(Option<Note>),
    /// It is not due yet; nothing was done.
    Early(Note),
}

/// Which of the notes that are due at some time are asked for, in order of that time and of their
/// keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Those behind this one; `None` from the first on.
    pub after: Option<(WallTime, NoteKey)>,
    /// Only those that are due by now, by the backend's clock; otherwise all.
    pub due_now: bool,
    /// How many at most.
    pub limit: usize,
}

/// Notes that are due at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What time it is, by the backend's clock.
    pub now: WallTime,
    /// Those in the window.
    pub notes: Vec<Note>,
    /// When the first one behind them is due, of all that are due at some time.
    pub next: Option<WallTime>,
}

/// What keeps notes. Everything is answered at once or later, on any thread, as by a
/// [`Backend`](crate::backend::Backend).
///
/// After [`BackendError::Unavailable`] a change may or may not have been made: whoever repeats it
/// with the version it expected before learns of it by [`Changed::Refused`]. After
/// [`BackendError::Unconfirmed`] it was made.
pub trait Notes: Send + Sync {
    /// Reads a note.
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>);

    /// Changes a note. [`BackendError::NotesFull`] where no more may be kept.
    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>);

    /// Into how many shares the notes are divided. Each is looked through by itself, so that nodes
    /// can divide them among each other.
    fn shares(&self) -> u16;

    /// In which share a channel's notes are, from 0. Those of an internal channel may be in one behind
    /// all that are counted: whoever keeps them there looks through it, and nobody else does.
    fn share_of(&self, channel: &ChannelName) -> u16;

    /// Looks through the notes of a share that are due at some time.
    fn pending(&self, share: u16, window: Window, done: Completion<Result<Pending, BackendError>>);
}
