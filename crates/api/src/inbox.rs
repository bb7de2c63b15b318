//! Inboxes as JSON: the same in the server API and in the methods that clients call.

use trunkline_core::channel::ChannelName;
use trunkline_core::error::ClientError;
use trunkline_core::identity::UserId;
use trunkline_core::inbox::{Ack, Inbox};
use trunkline_core::limits::{INBOX_SCATTERED, USER_ID_BYTES};
use trunkline_node::Node;
use trunkline_node::inbox::{InboxError, Unread};
use trunkline_protocol::json::{Style, write_publication};

use crate::error::ApiError;
use crate::fields::Fields;

/// Messages one answer holds unless fewer are asked for.
const PAGE: usize = 100;

/// The personal channel of a user, if there are inboxes.
pub(crate) fn channel(node: &Node, user: &UserId) -> Result<ChannelName, ApiError> {
    if node.namespaces.inbox().is_none() {
        return Err(ApiError::not_available("there are no inboxes: set inbox.enabled"));
    }
    if user.is_anonymous() {
        return Err(ApiError::bad_request("`user` is empty: nobody has no inbox"));
    }
    ChannelName::personal(user)
        .ok_or_else(|| ApiError::bad_request("`user` is too long for the name of a channel"))
}

/// The user in the field `user`, a text or a whole number.
pub(crate) fn user(fields: &Fields<'_>, name: &str) -> Result<UserId, ApiError> {
    let number = fields.raw(name).filter(|value| value.get().parse::<i64>().is_ok());
    match number {
        Some(number) => Ok(UserId::new(number.get())),
        None => Ok(UserId::new(&fields.short_text(name, USER_ID_BYTES)?)),
    }
}

/// `{upto}`, `{offsets}` or `{all: true}`.
pub(crate) fn read_ack(fields: &Fields<'_>) -> Result<Ack, ApiError> {
    let offsets = fields.list("offsets")?;
    let given = [fields.raw("upto").is_some(), !offsets.is_empty(), fields.flag("all")?];
    match given {
        [true, false, false] => Ok(Ack::UpTo(fields.count("upto")?.unwrap_or(0))),
        [false, true, false] if offsets.len() > INBOX_SCATTERED => {
            Err(fields.must_be("offsets", &format!("at most {INBOX_SCATTERED}")))
        }
        [false, true, false] => {
            let offsets: Option<Vec<u64>> =
                offsets.iter().map(|offset| offset.get().parse().ok()).collect();
            offsets.map(Ack::Each).ok_or_else(|| fields.must_be("offsets", "a list of offsets"))
        }
        [false, false, true] => Ok(Ack::All),
        _ => Err(ApiError::bad_request("one of `upto`, `offsets` and `all` says what is read")),
    }
}

/// `{limit, after}`: so many messages at most, behind an offset.
pub(crate) fn read_page(fields: &Fields<'_>) -> Result<(u64, usize), ApiError> {
    let limit = fields.count("limit")?.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE));
    Ok((fields.count("after")?.unwrap_or(0), limit.min(PAGE)))
}

/// The answer to an acknowledgement: what is read by now.
pub(crate) fn write_state(inbox: &Inbox) -> Vec<u8> {
    inbox.to_json().into_bytes()
}

/// The same, with what is unread: `{…, "messages":[{offset, data, tags, …}], "more":false}`.
pub(crate) fn write_unread(unread: &Unread) -> Vec<u8> {
    let mut out = write_state(&unread.inbox);
    out.pop();
    out.extend_from_slice(b",\"messages\":[");
    for (at, message) in unread.messages.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_publication(&mut out, message, Style::TAGGED);
    }
    out.extend_from_slice(format!("],\"more\":{}}}", unread.more).as_bytes());
    out
}

impl From<InboxError> for ApiError {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::Ack(error) => Self::bad_request(error.to_string()),
            InboxError::Backend(error) => ClientError::from(error).into(),
        }
    }
}
