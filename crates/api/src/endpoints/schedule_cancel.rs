//! `schedule_cancel`: a publication that will not be made.

use serde::Serialize;
use trunkline_core::limits::NOTE_ATTEMPTS;
use trunkline_core::note::{Change, Changed};
use trunkline_core::schedule::Entry;
use trunkline_node::schedules::ScheduleForm as _;

use super::{Outcome, json};
use crate::ApiState;
use crate::answer::begin;
use crate::fields::Fields;
use crate::place::Place;
use crate::schedule::{self, JsonForm};

#[derive(Serialize)]
struct Answer {
    outcome: &'static str,
}

/// `{channel | user, id}` → `{outcome}`: `cancelled`, `already_fired` or `not_found`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let (place, _) = Place::addressed(&state.node, fields)?;
    let key = schedule::key(&place.channel, &fields.text("id")?)?;
    let mut present = begin(|done| state.node.note(&key, done)).outcome().await??;
    for _ in 0..NOTE_ATTEMPTS {
        let Some(note) = present else { return json(&Answer { outcome: "not_found" }) };
        if JsonForm.read(&note.value) == Some(Entry::Fired) {
            return json(&Answer { outcome: "already_fired" });
        }
        let change = Change::of(key.clone(), Some(&note), None);
        let changed = begin(|done| state.node.change_schedule(change, done)).outcome().await??;
        present = match changed {
            Changed::Made { .. } => return json(&Answer { outcome: "cancelled" }),
            Changed::Refused(note) => note,
            Changed::Early(note) => Some(note),
        };
    }
    Err(schedule::too_many_changes())
}
