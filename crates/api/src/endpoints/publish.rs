//! `publish`: one publication into one channel.

use serde::Serialize;
use trunkline_core::control::{Action, Control};
use trunkline_core::limits::{IDEMPOTENCY_KEY_BYTES, TAG_BYTES, TAGS};
use trunkline_core::publication::{Draft, Tags};

use super::{Outcome, json};
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Payload;
use crate::place::Place;
use crate::target;

/// `{channel, data | b64data, skip_history, tags, idempotency_key}` → `{offset, epoch, tag}`, all
/// absent in channels without history. `delta` is accepted; whether a client gets deltas is
/// between it and the node.
///
/// `user` in place of `channel` is the user's inbox. With `client` only that connection of theirs
/// hears it, with `except` all others, and nothing is kept: `{}`.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let (place, user) = Place::addressed(&state.node, fields)?;
    let content = Content::read(state, fields)?;
    let target = match user {
        Some(user) => target::read_narrowed(fields, user)?,
        None => None,
    };
    match target {
        None => content.publish(state, &place)?.await,
        Some(target) => {
            let (data, tags) = (content.payload.carried_by(place.options)?, content.tags);
            let channel = place.channel;
            state.node.control(Control { target, action: Action::Send { channel, data, tags } });
            super::done()
        }
    }
}

/// What is to be published, wherever it goes.
pub(super) struct Content {
    pub(super) payload: Payload,
    pub(super) tags: Tags,
    idempotency_key: Option<Box<str>>,
    pub(super) skip_history: bool,
}

#[derive(Serialize)]
struct Placed<'a> {
    offset: u64,
    epoch: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

impl Content {
    /// Reads everything but the channel.
    pub(super) fn read(state: &ApiState, fields: &Fields<'_>) -> Result<Self, ApiError> {
        let payload = Payload::read(fields, "data", "b64data")?
            .ok_or_else(|| ApiError::bad_request("`data` is missing"))?;
        check_length(state, payload.len(), "data")?;
        let key = fields.short_text("idempotency_key", IDEMPOTENCY_KEY_BYTES)?;
        Ok(Self {
            payload,
            tags: tags(fields)?,
            idempotency_key: (!key.is_empty()).then(|| key.into()),
            skip_history: fields.flag("skip_history")?,
        })
    }

    /// Hands a draft to the node at once, and resolves to its result.
    pub(super) fn publish(
        &self,
        state: &ApiState,
        place: &Place<'_>,
    ) -> Result<impl Future<Output = Outcome> + Send + use<>, ApiError> {
        let draft = Draft {
            data: self.payload.carried_by(place.options)?,
            tags: self.tags.clone(),
            retention: place.options.retention.filter(|_| !self.skip_history),
            idempotency_key: self.idempotency_key.clone(),
            ..Draft::within(place.channel.clone(), place.options)
        };
        Ok(self::place(state, draft))
    }
}

/// Refuses a payload that is too long for anybody to hear.
pub(super) fn check_length(state: &ApiState, len: usize, name: &str) -> Result<(), ApiError> {
    let most = state.node.limits.payload_bytes();
    if len > most {
        return Err(ApiError::bad_request(format!("`{name}` is longer than {most} bytes")));
    }
    Ok(())
}

/// Hands a draft to the node at once, and resolves to its place.
pub(super) fn place(
    state: &ApiState,
    draft: Draft,
) -> impl Future<Output = Outcome> + Send + use<> {
    let begun = begin(|done| state.node.publish(draft, done));
    async move {
        let published = begun.outcome().await??;
        match &published.position {
            Some(at) => json(&Placed {
                offset: at.offset,
                epoch: at.epoch.as_str(),
                tag: at.tag.map(|tag| tag.to_string()),
            }),
            None => super::done(),
        }
    }
}

fn tags(fields: &Fields<'_>) -> Result<Tags, ApiError> {
    let Some(members) = fields.object("tags")? else { return Ok(Tags::new()) };
    let mut tags = Tags::new();
    for (name, _) in members.members() {
        if tags.len() == TAGS {
            return Err(fields.must_be("tags", &format!("at most {TAGS}")));
        }
        if name.len() > TAG_BYTES {
            return Err(fields.must_be("tags", &format!("named in at most {TAG_BYTES} bytes each")));
        }
        tags.push((name.into(), members.short_text(name, TAG_BYTES)?.into()));
    }
    Ok(tags)
}
