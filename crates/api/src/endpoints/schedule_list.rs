//! `schedule_list`: what is still to come.

use serde::Serialize;
use serde_json::value::RawValue;
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Note, NoteKey, Window};
use trunkline_core::schedule::Entry;
use trunkline_core::time::WallTime;
use trunkline_node::schedules::ScheduleForm as _;

use super::{Outcome, json};
use crate::ApiState;
use crate::answer::begin;
use crate::fields::Fields;
use crate::place::Place;
use crate::schedule::{self, JsonForm};

/// Schedules in one answer, unless fewer are asked for.
const PAGE: usize = 100;

/// Notes that are looked at for one answer. Those of other channels and those that are over are
/// passed over; where there are many, the answer says where to go on.
const LOOKED_AT: usize = 10_000;

/// Notes that are read at once.
const AT_ONCE: usize = 500;

#[derive(Serialize)]
struct Answer {
    schedules: Vec<Item>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Item {
    id: String,
    channel: String,
    due: u64,
    /// As it was written: `data`, `tags` and the rest.
    schedule: Box<RawValue>,
}

/// `{channel | user, limit, after}` → `{schedules: [{id, channel, due, schedule}], next}`. Of one
/// channel they come in the order in which they are due; without a channel, of all, in no order.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let anywhere = fields.raw("channel").is_none() && fields.raw("user").is_none();
    let channel = match anywhere {
        true => None,
        false => Some(Place::addressed(&state.node, fields)?.0.channel),
    };
    let limit = match fields.count("limit")? {
        // Whoever goes on where it ends would never get any further.
        Some(0) => return Err(fields.must_be("limit", "1 at least")),
        Some(limit) => usize::try_from(limit).unwrap_or(PAGE).min(PAGE),
        None => PAGE,
    };
    let (first, last) = match &channel {
        Some(channel) => (state.node.share_of(channel), state.node.share_of(channel)),
        None => (0, state.node.shares() - 1),
    };
    let cursor = match &*fields.text("after")? {
        "" => None,
        text => Some(
            Cursor::parse(text)
                .ok_or_else(|| fields.must_be("after", "the `next` of an answer"))?,
        ),
    };
    let (mut share, mut after) = match cursor {
        Some(cursor) if (first..=last).contains(&cursor.share) => (cursor.share, cursor.after),
        Some(_) => {
            return Err(fields.must_be("after", "the `next` of an answer to the same question"));
        }
        None => (first, None),
    };
    let (mut found, mut looked) = (Vec::new(), 0);
    loop {
        let window = Window { after: after.clone(), due_now: false, limit: AT_ONCE };
        let page = begin(|done| state.node.pending(share, window, done)).outcome().await??;
        let ended = page.notes.len() < AT_ONCE;
        for note in page.notes {
            if found.len() >= limit || looked >= LOOKED_AT {
                let next = Some(Cursor { share, after }.to_string());
                return json(&Answer { schedules: found, next });
            }
            looked += 1;
            after = note.due.map(|due| (due, note.key.clone()));
            found.extend(item(&note, channel.as_ref()));
        }
        if ended && share == last {
            return json(&Answer { schedules: found, next: None });
        }
        if ended {
            (share, after) = (share + 1, None);
        }
    }
}

fn item(note: &Note, channel: Option<&ChannelName>) -> Option<Item> {
    if channel.is_some_and(|channel| *channel != note.key.channel) {
        return None;
    }
    let id = schedule::id(&note.key.name)?;
    match JsonForm.read(&note.value)? {
        Entry::Fired => None,
        Entry::Waiting(_) => Some(Item {
            id: id.to_owned(),
            channel: note.key.channel.to_string(),
            due: note.due?.0,
            schedule: serde_json::from_slice(&note.value).ok()?,
        }),
    }
}

/// Where a list goes on: `SHARE DUE CHANNEL NAME`, or `SHARE` alone.
struct Cursor {
    share: u16,
    after: Option<(WallTime, NoteKey)>,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(4, ' ');
        let share = words.next()?.parse().ok()?;
        let Some(due) = words.next() else { return Some(Self { share, after: None }) };
        let due = WallTime(due.parse().ok()?);
        let channel = ChannelName::parse(words.next()?).ok()?;
        let key = NoteKey { channel, name: words.next()?.into() };
        Some(Self { share, after: Some((due, key)) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.share)?;
        match &self.after {
            Some((due, key)) => write!(f, " {} {} {}", due.0, key.channel, key.name),
            None => Ok(()),
        }
    }
}
