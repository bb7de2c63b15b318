//! Schedules as JSON, and what cron expressions mean.

mod form;
mod rule;
mod when;

pub use form::JsonForm;

pub(crate) use rule::check;
pub(crate) use when::{When, read_when};

use trunkline_core::channel::ChannelName;
use trunkline_core::error::ClientError;
use trunkline_core::limits::SCHEDULE_ID_BYTES;
use trunkline_core::note::NoteKey;
use trunkline_core::schedule::PREFIX;

use crate::error::ApiError;

/// The note of a schedule.
pub(crate) fn key(channel: &ChannelName, id: &str) -> Result<NoteKey, ApiError> {
    let fits = (1..=SCHEDULE_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        return Err(ApiError::bad_request(format!(
            "`id` must be 1 to {SCHEDULE_ID_BYTES} letters, digits and signs of ASCII, without blanks"
        )));
    }
    Ok(NoteKey { channel: channel.clone(), name: format!("{PREFIX}{id}").into() })
}

/// The id in the name of a note.
pub(crate) fn id(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// What is told when a note changes faster than it can be read.
pub(crate) fn too_many_changes() -> ApiError {
    ClientError::TooManyRequests.into()
}
