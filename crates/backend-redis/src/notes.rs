//! Notes in Redis: in the partition of their channel, so that a change and what it publishes are one
//! step of one script.

use bytes::Bytes;

use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{
    Change, Changed, Due, Expected, Note, NoteKey, Notes, Pending, Wanted, Window,
};
use trunkline_core::publication::Draft;
use trunkline_core::time::WallTime;

use crate::backend::RedisBackend;
use crate::caller::{Answer, Call};
use crate::direct;
use crate::keys::{PARTITIONS, Shelf};
use crate::resp::{Reply, command};
use crate::scripts::CHANGE;
use crate::wire::top;

impl Notes for RedisBackend {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        let shelf = Shelf::of(&key.channel);
        let [notes, _] = self.keys().notes(shelf);
        let command = command("HGET").arg(notes).arg(field(key));
        let key = key.clone();
        let told = move |answer: Result<Answer, BackendError>| {
            done(answer.and_then(|answer| match answer.reply {
                Reply::Nil => Ok(None),
                reply => note(key, &reply).map(Some).ok_or(BackendError::Unavailable),
            }));
        };
        self.call(Call::new(shelf.partition, command, Box::new(told)).repeatable());
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        if self.is_overloaded() {
            return done(Err(BackendError::Overloaded));
        }
        let Change { key, expected, when_due, wanted, draft, replicas } = change;
        let shelf = Shelf::of(&key.channel);
        let partition = shelf.partition;
        let publishes = draft.is_some();
        // What is not published has arguments all the same, in their places.
        let draft = draft.unwrap_or_else(|| Draft::new(key.channel.clone()));
        let [notes, due] = self.keys().notes(shelf);
        let (name, replicas) = (self.fresh_name(), draft.replicas.max(replicas));
        let (keeps, when, value) = match &wanted {
            None => ("0", String::new(), Bytes::new()),
            Some(Wanted { value, due }) => ("1", written(*due), value.clone()),
        };
        let expected = match expected {
            Expected::Anything => "*".to_owned(),
            Expected::Nothing => "-".to_owned(),
            Expected::Version(version) => version.to_string(),
        };
        let command = direct::begin(&CHANGE, 6, self.keys(), partition, &draft).arg(notes).arg(due);
        let command = direct::content(command, self.keys(), partition, &draft, &name)
            .arg(field(&key))
            .arg(expected)
            .arg(if when_due { "1" } else { "0" })
            .arg(keeps)
            .arg(when)
            .arg(value)
            .arg(if publishes { "1" } else { "0" })
            .number(shelf.room());
        let told = move |answer: Result<Answer, BackendError>| {
            done(answer.and_then(|answer| {
                let changed = changed(key, &answer.reply)?;
                let enough = answer.copies >= u32::from(replicas);
                let made = matches!(changed, Changed::Made { .. });
                if made && !enough { Err(BackendError::Unconfirmed) } else { Ok(changed) }
            }));
        };
        let mut call = Call::new(partition, command, Box::new(told)).of_script(&CHANGE);
        call.copies = replicas;
        self.call(call);
    }

    fn shares(&self) -> u16 {
        PARTITIONS as u16
    }

    fn share_of(&self, channel: &ChannelName) -> u16 {
        Shelf::of(channel).number()
    }

    fn pending(&self, share: u16, window: Window, done: Completion<Result<Pending, BackendError>>) {
        let Some(shelf) = Shelf::numbered(share) else {
            let now = WallTime(0);
            return done(Ok(Pending { now, notes: Vec::new(), next: None }));
        };
        self.look_through(shelf, window, done);
    }
}

pub(crate) fn field(key: &NoteKey) -> String {
    format!("{} {}", key.channel, key.name)
}

pub(crate) fn key(field: &str) -> Option<NoteKey> {
    let (channel, name) = field.split_once(' ')?;
    Some(NoteKey { channel: ChannelName::parse(channel).ok()?, name: name.into() })
}

fn written(due: Due) -> String {
    match due {
        Due::Never => String::new(),
        Due::At(time) => format!("@{}", time.0),
        Due::In(ms) => format!("+{ms}"),
    }
}

/// Reads `VERSION DUE VALUE`.
pub(crate) fn note(key: NoteKey, reply: &Reply) -> Option<Note> {
    let bytes = reply.bytes()?;
    let mut parts = bytes.splitn(3, |byte| *byte == b' ');
    let mut word = || std::str::from_utf8(parts.next()?).ok();
    let (version, due) = (word()?.parse().ok()?, word()?);
    let due = match due {
        "-" => None,
        ms => Some(WallTime(ms.parse().ok()?)),
    };
    let value = Bytes::copy_from_slice(parts.next()?);
    Some(Note { key, version, due, value })
}

fn changed(key: NoteKey, reply: &Reply) -> Result<Changed, BackendError> {
    let unreadable = || BackendError::Unavailable;
    let words = reply.list().ok_or_else(unreadable)?;
    let kind = words.first().and_then(Reply::text).ok_or_else(unreadable)?;
    match (kind, &words[1..]) {
        ("full", _) => Err(BackendError::NotesFull),
        ("refused", [none]) if none.text() == Some("") => Ok(Changed::Refused(None)),
        ("refused", [present]) => {
            note(key, present).map(|note| Changed::Refused(Some(note))).ok_or_else(unreadable)
        }
        ("early", [present]) => note(key, present).map(Changed::Early).ok_or_else(unreadable),
        ("made", [version, due, place]) => made(version, due, place).ok_or_else(unreadable),
        _ => Err(unreadable()),
    }
}

fn made(version: &Reply, due: &Reply, place: &Reply) -> Option<Changed> {
    let due = match due.text()? {
        "-" => None,
        ms => Some(WallTime(ms.parse().ok()?)),
    };
    let published = match place.text()? {
        "" => None,
        place => Some(top::published(place)?),
    };
    Some(Changed::Made { version: version.text()?.parse().ok()?, due, published })
}
