//! Looking through notes that are due at some time.
//!
//! What others have written there, and nobody can read, is in nobody's way: it is passed, and the page
//! is made full with what is behind it. So a page that is not full is the last one, and an empty one
//! means that there is nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::note::{Note, Pending, Window};
use trunkline_core::time::WallTime;

use crate::backend::RedisBackend;
use crate::caller::{Answer, Call, script};
use crate::fleet::Fleet;
use crate::keys::Shelf;
use crate::notes::{field, key, note};
use crate::resp::Reply;
use crate::scripts::PENDING;

impl RedisBackend {
    /// Notes that are kept together and are in a window.
    pub(crate) fn look_through(
        &self,
        shelf: Shelf,
        window: Window,
        done: Completion<Result<Pending, BackendError>>,
    ) {
        let [notes, due] = self.keys().notes(shelf);
        let behind = window
            .after
            .map(|(due, key)| Row { due: due.0.to_string().into(), field: field(&key).into() });
        let looking = Looking {
            fleet: Arc::clone(&self.fleet),
            shelf,
            keys: [notes, due],
            due_now: window.due_now,
            limit: window.limit.min(i32::MAX as usize),
            found: Vec::new(),
            unreadable_told: Arc::clone(&self.unreadable_told),
            done,
        };
        looking.go_on(behind);
    }
}

/// A row of what is due, as it stands there.
struct Row {
    due: Bytes,
    field: Bytes,
}

/// What one call has found.
struct Found {
    now: WallTime,
    /// When the first row behind these is due.
    next: Option<WallTime>,
    /// The last one of these.
    last: Option<Row>,
    /// Those of them that can be read.
    notes: Vec<Note>,
    unreadable: usize,
}

/// A page in the making.
struct Looking {
    fleet: Arc<Fleet>,
    shelf: Shelf,
    keys: [String; 2],
    due_now: bool,
    limit: usize,
    found: Vec<Note>,
    unreadable_told: Arc<AtomicBool>,
    done: Completion<Result<Pending, BackendError>>,
}

impl Looking {
    fn go_on(self, behind: Option<Row>) {
        let room = self.limit - self.found.len();
        let behind = behind.unwrap_or(Row { due: Bytes::new(), field: Bytes::new() });
        let command = script(&PENDING, 2)
            .arg(&self.keys[0])
            .arg(&self.keys[1])
            .arg(behind.due)
            .arg(behind.field)
            .arg(if self.due_now { "1" } else { "0" })
            .number(room as u64);
        let (fleet, shelf) = (Arc::clone(&self.fleet), self.shelf);
        let told = move |answer: Result<Answer, BackendError>| {
            let found = answer
                .and_then(|answer| found(&answer.reply, shelf).ok_or(BackendError::Unavailable));
            match found {
                Ok(found) => self.take(found),
                Err(error) => (self.done)(Err(error)),
            }
        };
        fleet.call(
            Call::new(shelf.partition, command, Box::new(told)).of_script(&PENDING).repeatable(),
        );
    }

    fn take(mut self, found: Found) {
        let Found { now, next, last, notes, unreadable } = found;
        if unreadable > 0 && !self.unreadable_told.swap(true, Ordering::Relaxed) {
            let keys = &self.keys;
            tracing::warn!(notes = %keys[0], due = %keys[1], unreadable, "nobody can read some notes; they are passed over");
        }
        self.found.extend(notes);
        let more = next.is_some_and(|next| !self.due_now || next <= now);
        if more && last.is_some() && self.found.len() < self.limit {
            return self.go_on(last);
        }
        (self.done)(Ok(Pending { now, notes: self.found, next }));
    }
}

fn found(reply: &Reply, shelf: Shelf) -> Option<Found> {
    let [now, next, rows, last_due, last_field, notes] = reply.list()? else { return None };
    let pairs = notes.list()?.chunks_exact(2);
    let notes: Vec<Note> = pairs
        .filter_map(|pair| {
            // What stands on the wrong shelf cannot be changed, and would be due for ever.
            let key = key(pair[0].text()?).filter(|key| Shelf::of(&key.channel) == shelf)?;
            note(key, &pair[1])
        })
        .collect();
    let rows = usize::try_from(rows.number()?).ok()?;
    let last = || Some(Row { due: last_due.bytes()?.clone(), field: last_field.bytes()?.clone() });
    Some(Found {
        now: WallTime(now.text()?.parse().ok()?),
        next: match next.text()? {
            "" => None,
            // What is due before 1970 is due, and what is due never, far ahead.
            ms => Some(ms.parse().map_or_else(|_| far(ms), WallTime)),
        },
        last: if rows > 0 { last() } else { None },
        unreadable: rows.saturating_sub(notes.len()),
        notes,
    })
}

/// A time that is none of ours.
fn far(ms: &str) -> WallTime {
    WallTime(if ms.starts_with('-') { 0 } else { u64::MAX })
}
