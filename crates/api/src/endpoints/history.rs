//! `history`: the retained publications of a channel.

use trunkline_core::error::ClientError;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::position::{Epoch, Position, Tag};
use trunkline_protocol::json::{Style, write_publication, write_string};

use super::Outcome;
use crate::ApiState;
use crate::answer::begin;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::place::Place;

/// `{channel, limit, since: {offset, epoch, tag}, reverse, time}` → `{publications, offset, epoch, tag}`.
/// With `time` each publication says when it was made.
/// Without a limit only the position is told; a negative one asks for everything. An answer never
/// holds more than the namespace keeps, nor more than a page may weigh.
pub(super) async fn run(state: &ApiState, fields: &Fields<'_>) -> Outcome {
    let place = Place::read(&state.node, fields)?;
    let retention = place.options.retention.ok_or(ClientError::NotAvailable)?;
    let limit = usize::try_from(fields.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let query = HistoryQuery {
        since: since(fields)?,
        limit: limit.min(retention.size),
        reverse: fields.flag("reverse")?,
    };
    let since = query.since.clone();
    let page = begin(|done| state.node.history(&place.channel, query, done)).outcome().await??;
    if since.is_some_and(|since| page.continues(&since).is_err()) {
        return Err(ClientError::UnrecoverablePosition.into());
    }
    Ok(write(&page, fields.flag("time")?))
}

fn since(fields: &Fields<'_>) -> Result<Option<Position>, ApiError> {
    let Some(since) = fields.object("since")? else { return Ok(None) };
    let place =
        Position::new(Epoch::new(&since.text("epoch")?), since.count("offset")?.unwrap_or(0));
    let tag = match &*since.text("tag")? {
        "" => None,
        text => Some(Tag::parse(text).ok_or_else(|| since.must_be("tag", "a tag as it was told"))?),
    };
    Ok(Some(Position { tag, ..place }))
}

fn write(page: &HistoryPage, time: bool) -> Vec<u8> {
    let mut out = b"{\"publications\":[".to_vec();
    for (at, publication) in page.publications.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_publication(&mut out, publication, Style { time, ..Style::TAGGED });
    }
    out.extend_from_slice(format!("],\"offset\":{},\"epoch\":", page.top.offset).as_bytes());
    write_string(&mut out, page.top.epoch.as_str());
    if let Some(tag) = page.top.tag {
        out.extend_from_slice(format!(",\"tag\":\"{tag}\"").as_bytes());
    }
    out.push(b'}');
    out
}
