//! `schedule`: a publication that will be made at a time.

use serde::Serialize;
use trunkline_auth::fresh_secret;
use trunkline_core::limits::{NOTE_ATTEMPTS, NOTE_BYTES};
use trunkline_core::note::{Change, Changed, Due, NoteKey, Wanted};
use trunkline_core::schedule::{Entry, Rule, Schedule};
use trunkline_core::time::WallTime;
use trunkline_node::schedules::ScheduleForm as _;

use super::publish::Content;
use super::{Outcome, json};
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::place::Place;
use crate::schedule::{self, JsonForm, When};

#[derive(Serialize)]
struct Scheduled<'a> {
    id: &'a str,
    /// Milliseconds since 1970, by the clock of the backend.
    due: u64,
    /// Whether there was one of this id before, which this one replaces.
    rescheduled: bool,
}

/// `{channel | user, data | b64data, tags, skip_history, deliver_at | delay_ms | cron and zone, id,
/// late_ms}` → `{id, due, rescheduled}`. An id is one of its channel; without one it is made up.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let (place, _) = Place::addressed(&state.node, fields)?;
    let content = Content::read(state, fields)?;
    let rule = rule(fields)?;
    let when = schedule::read_when(fields)?;
    let id = match &*fields.text("id")? {
        "" => fresh_secret(),
        id => id.to_owned(),
    };
    let key = schedule::key(&place.channel, &id)?;
    let now = now(state, &key).await?;
    let due = match (when, &rule) {
        (Some(when), _) => {
            when.check(now)?;
            match when {
                When::At(time) => Due::At(time),
                When::In(ms) => Due::In(ms),
            }
        }
        (None, Some(rule)) => Due::At(
            JsonForm
                .next(rule, now)
                .ok_or_else(|| ApiError::bad_request("`cron` names no time that ever comes"))?,
        ),
        (None, None) => {
            return Err(ApiError::bad_request("`deliver_at`, `delay_ms` or `cron` says when"));
        }
    };
    let entry = Entry::Waiting(Schedule {
        data: content.payload.carried_by(place.options)?,
        tags: content.tags,
        skip_history: content.skip_history,
        late_ms: fields.count("late_ms")?,
        rule,
    });
    let value = JsonForm.write(&entry);
    if value.len() > NOTE_BYTES {
        let most = format!(
            "at most {NOTE_BYTES} bytes with all that is scheduled with it, as base64 if it is no JSON"
        );
        return Err(fields.must_be("data", &most));
    }
    let wanted = Wanted { value, due };
    let (due, rescheduled) = put(state, &key, wanted).await?;
    json(&Scheduled { id: &id, due: due.0, rescheduled })
}

/// Makes the note what it is wanted to be, unless it says that all is over.
async fn put(
    state: &ApiState,
    key: &NoteKey,
    wanted: Wanted,
) -> Result<(WallTime, bool), ApiError> {
    let mut present = begin(|done| state.node.note(key, done)).outcome().await??;
    for _ in 0..NOTE_ATTEMPTS {
        let fired = present.as_ref().and_then(|note| JsonForm.read(&note.value));
        if fired == Some(Entry::Fired) {
            return Err(ApiError::conflict("it was published already: choose another `id`"));
        }
        let change = Change::of(key.clone(), present.as_ref(), Some(wanted.clone()));
        let changed = begin(|done| state.node.change_schedule(change, done)).outcome().await??;
        match changed {
            Changed::Made { due, .. } => return Ok((due.unwrap_or_default(), present.is_some())),
            Changed::Refused(note) => present = note,
            Changed::Early(note) => present = Some(note),
        }
    }
    Err(schedule::too_many_changes())
}

/// What time it is, by the clock of the backend.
async fn now(state: &ApiState, key: &NoteKey) -> Result<WallTime, ApiError> {
    let asked = begin(|done| state.node.backend_time(&key.channel, done));
    Ok(asked.outcome().await??)
}

fn rule(fields: &Fields<'_>) -> Result<Option<Rule>, ApiError> {
    let cron = fields.text("cron")?;
    let zone = fields.text("zone")?;
    if cron.is_empty() {
        return match zone.is_empty() {
            true => Ok(None),
            false => Err(ApiError::bad_request("`zone` is for a `cron`")),
        };
    }
    let zone = if zone.is_empty() { "UTC".into() } else { zone };
    let rule = Rule { cron: cron.into(), zone: zone.into() };
    schedule::check(&rule).map_err(ApiError::bad_request)?;
    Ok(Some(rule))
}
