//! What the log holds.
//!
//! | kind | record | behind the session (8 bytes) |
//! |---|---|---|
//! | 1 | a publication | head, retention (3 × 8), idempotency key if there is one, the publication |
//! | 2 | the publications of a stream were forgotten | head, offset of the top |
//! | 3 | a stream goes on under another name | head, offset of the top |
//! | 4 | nothing, but everything before is durable | |
//! | 5 | the session ended in order | |
//! | 6 | a note is kept, or removed | flags, version, when it is due, channel, name, value |
//!
//! The head is a byte of flags, the name of the history (3 × 8) and the channel's.

use bytes::Bytes;

use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;
use trunkline_core::note::{Note, NoteKey};
use trunkline_core::publication::Publication;
use trunkline_core::time::WallTime;

use crate::name::Name;
use crate::pack::{Reader, put, put_numbers};
use crate::packed::{Unpacking, put_publication};

pub(crate) const APPEND: u8 = 1;
pub(crate) const CLEAR: u8 = 2;
pub(crate) const RENAME: u8 = 3;
pub(crate) const BARRIER: u8 = 4;
pub(crate) const CLOSED: u8 = 5;
pub(crate) const NOTE: u8 = 6;

/// Flags of a note.
const KEPT: u8 = 1;
const DUE: u8 = 2;

/// Flags of a head.
const AHEAD: u8 = 1;
const KEYED: u8 = 2;

/// Of which stream a record speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) session: u64,
    pub(crate) channel: &'a str,
    pub(crate) name: Name,
    /// Publications of this stream may be delivered before they are durable, in this session.
    pub(crate) ahead: bool,
}

/// A record, read.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Append {
        head: Head<'a>,
        retention: Retention,
        key: Option<&'a str>,
        publication: Box<Publication>,
    },
    Clear {
        head: Head<'a>,
        offset: u64,
    },
    Rename {
        head: Head<'a>,
        offset: u64,
    },
    Barrier {
        session: u64,
    },
    Closed {
        session: u64,
    },
    Note {
        session: u64,
        note: Note,
        /// Or else removed.
        kept: bool,
    },
}

fn put_head(out: &mut Vec<u8>, head: &Head<'_>, flags: u8) {
    put_numbers(out, &[head.session]);
    out.push(flags | if head.ahead { AHEAD } else { 0 });
    head.name.put(out);
    put(out, head.channel.as_bytes());
}

/// Appends the bytes of an [`APPEND`] record.
pub(crate) fn put_append(
    out: &mut Vec<u8>,
    head: &Head<'_>,
    retention: Retention,
    key: Option<&str>,
    publication: &Publication,
) {
    put_head(out, head, if key.is_some() { KEYED } else { 0 });
    put_retention(out, retention);
    key.into_iter().for_each(|key| put(out, key.as_bytes()));
    put_publication(out, publication);
}

/// Appends the bytes of a [`CLEAR`] or [`RENAME`] record.
pub(crate) fn put_change(out: &mut Vec<u8>, head: &Head<'_>, offset: u64) {
    put_head(out, head, 0);
    put_numbers(out, &[offset]);
}

/// Appends the bytes of a [`NOTE`] record.
pub(crate) fn put_note(out: &mut Vec<u8>, session: u64, note: &Note, kept: bool) {
    put_numbers(out, &[session]);
    put_note_itself(out, note, kept);
}

/// Appends a note as records and rows have it.
pub(crate) fn put_note_itself(out: &mut Vec<u8>, note: &Note, kept: bool) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(flag(kept, KEPT) | flag(note.due.is_some(), DUE));
    put_numbers(out, &[note.version, note.due.map_or(0, |due| due.0)]);
    put(out, note.key.channel.as_str().as_bytes());
    put(out, note.key.name.as_bytes());
    put(out, &note.value);
}

/// What [`put_note_itself`] has appended.
pub(crate) fn read_note(from: &mut Reader<'_>) -> Option<(Note, bool)> {
    let flags = from.byte()?;
    let (version, due) = (from.u64()?, from.u64()?);
    let channel = ChannelName::parse(from.text()?).ok()?;
    let key = NoteKey { channel, name: from.text()?.into() };
    let due = (flags & DUE != 0).then_some(WallTime(due));
    let value = Bytes::copy_from_slice(from.bytes()?);
    Some((Note { key, version, due, value }, flags & KEPT != 0))
}

/// Appends three numbers.
pub(crate) fn put_retention(out: &mut Vec<u8>, retention: Retention) {
    let Retention { size, ttl_ms, bytes } = retention;
    put_numbers(out, &[size as u64, ttl_ms, bytes as u64]);
}

pub(crate) fn read_retention(from: &mut Reader<'_>) -> Option<Retention> {
    Some(Retention { size: from.size()?, ttl_ms: from.u64()?, bytes: from.size()? })
}

/// Reads a record; none if it is not one that this program writes.
pub(crate) fn read(kind: u8, bytes: &[u8]) -> Option<Content<'_>> {
    let mut from = Reader::new(bytes);
    let content = content(kind, &mut from)?;
    from.is_empty().then_some(content)
}

fn content<'a>(kind: u8, from: &mut Reader<'a>) -> Option<Content<'a>> {
    let session = from.u64()?;
    match kind {
        BARRIER => return Some(Content::Barrier { session }),
        CLOSED => return Some(Content::Closed { session }),
        NOTE => {
            let (note, kept) = read_note(from)?;
            return Some(Content::Note { session, note, kept });
        }
        _ => {}
    }
    let flags = from.byte()?;
    let name = Name::read(from)?;
    let head = Head { session, channel: from.text()?, name, ahead: flags & AHEAD != 0 };
    match kind {
        APPEND => {
            let retention = read_retention(from)?;
            let key = if flags & KEYED == 0 { None } else { Some(from.text()?) };
            let publication = Box::new(Unpacking::default().publication(from)?);
            Some(Content::Append { head, retention, key, publication })
        }
        CLEAR => Some(Content::Clear { head, offset: from.u64()? }),
        RENAME => Some(Content::Rename { head, offset: from.u64()? }),
        _ => None,
    }
}
