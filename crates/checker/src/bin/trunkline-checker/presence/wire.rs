//! What a node says at `/ws`, as far as it concerns who is where.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The connection has this id.
    Connected(String),
    /// It is in a channel that its URL named.
    Subscribed(String),
    /// It was put out of a channel.
    PutOut(String),
    /// The command of this number is done.
    Done(u32),
    /// The command of this number was refused, and why; 0 if none was answered.
    Refused(u32, String),
    /// Somebody came into a channel.
    Joined(String, Who),
    /// Somebody left it.
    Left(String, Who),
    /// Anything else.
    Other,
}

/// A connection, as others are shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Who {
    pub(super) user: String,
    pub(super) client: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    id: u32,
    channel: String,
    connect: Option<Who>,
    subscribe: Option<IgnoredAny>,
    unsubscribe: Option<IgnoredAny>,
    join: Option<Told>,
    leave: Option<Told>,
    error: Option<Refusal>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    info: Who,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    message: String,
}

/// Reads a message.
///
/// # Errors
/// It is not JSON, or not what the protocol has.
pub(super) fn read(text: &str) -> Result<Word, serde_json::Error> {
    let said: Said = serde_json::from_str(text)?;
    Ok(match said {
        Said { error: Some(refusal), id, .. } => Word::Refused(id, refusal.message),
        Said { connect: Some(who), .. } => Word::Connected(who.client),
        Said { join: Some(told), channel, .. } => Word::Joined(channel, told.info),
        Said { leave: Some(told), channel, .. } => Word::Left(channel, told.info),
        Said { id: 1.., subscribe, unsubscribe, .. }
            if subscribe.is_some() || unsubscribe.is_some() =>
        {
            Word::Done(said.id)
        }
        Said { subscribe: Some(_), channel, .. } => Word::Subscribed(channel),
        Said { unsubscribe: Some(_), channel, .. } => Word::PutOut(channel),
        _ => Word::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comings_and_goings_are_told_from_answers() {
        let who = || Who { user: "u1".into(), client: "c".into() };
        let cases = [
            (r#"{"connect":{"client":"c","version":"1"}}"#, Word::Connected("c".into())),
            (r#"{"channel":"a","subscribe":{}}"#, Word::Subscribed("a".into())),
            (r#"{"id":3,"subscribe":{}}"#, Word::Done(3)),
            (r#"{"id":4,"unsubscribe":{}}"#, Word::Done(4)),
            (r#"{"channel":"a","unsubscribe":{"code":2500}}"#, Word::PutOut("a".into())),
            (
                r#"{"channel":"a","join":{"info":{"user":"u1","client":"c"}}}"#,
                Word::Joined("a".into(), who()),
            ),
            (
                r#"{"channel":"a","leave":{"info":{"user":"u1","client":"c"}}}"#,
                Word::Left("a".into(), who()),
            ),
            (r#"{"id":5,"error":{"code":103,"message":"no"}}"#, Word::Refused(5, "no".into())),
            ("{}", Word::Other),
        ];
        for (text, word) in cases {
            assert_eq!(read(text).unwrap(), word, "{text}");
        }
    }
}
