//! What the pushes of an event stream mean to `subscribe`.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// What one push brings.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// The node has let us in.
    pub(super) connected: bool,
    /// The data of a publication, as it travelled.
    pub(super) data: Option<String>,
    /// A channel of which publications were missed and cannot be had any more.
    pub(super) lost: Option<String>,
    /// A subscription that ended.
    pub(super) ended: Option<Ended>,
}

/// The end of a subscription.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) channel: String,
    pub(super) code: u64,
    pub(super) reason: String,
}

impl Ended {
    /// Whether connecting again brings it back: from 2500 on the protocol says so, 100 and 111
    /// are errors that pass.
    pub(super) fn passes(&self) -> bool {
        self.code >= 2500 || matches!(self.code, 100 | 111)
    }
}

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a push; one of a kind unknown here brings nothing.
///
/// # Errors
/// It is no JSON object, or members that are read here have another shape.
pub(super) fn read(push: &str) -> Result<Contents, serde_json::Error> {
    let push: Object<'_> = serde_json::from_str(push)?;
    let channel = match push.get("channel") {
        Some(channel) => serde_json::from_str(channel.get())?,
        None => String::new(),
    };
    let mut contents = Contents::default();
    if let Some(publication) = push.get("pub") {
        let publication: Object<'_> = serde_json::from_str(publication.get())?;
        let data = publication.get("data").map_or("null", |data| data.get());
        contents.data = Some(data.to_owned());
    } else if push.contains_key("connect") {
        contents.connected = true;
    } else if let Some(result) = push.get("subscribe") {
        // What was missed since the position we came with follows as publications.
        let result: Object<'_> = serde_json::from_str(result.get())?;
        let says = |flag| result.get(flag).is_some_and(|value| value.get() == "true");
        if says("was_recovering") && !says("recovered") {
            contents.lost = Some(channel);
        }
    } else if let Some(end) = push.get("unsubscribe") {
        let end: Value = serde_json::from_str(end.get())?;
        let code = end["code"].as_u64().unwrap_or(0);
        let reason = end["reason"].as_str().unwrap_or("no reason given").to_owned();
        contents.ended = Some(Ended { channel, code, reason });
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_kept_as_it_travelled() {
        let push = r#"{"channel":"a","pub":{"data":{"b":1.50,"a":"\u00e9"},"offset":7}}"#;
        assert_eq!(read(push).unwrap().data.unwrap(), r#"{"b":1.50,"a":"\u00e9"}"#);
    }

    #[test]
    fn what_cannot_be_recovered_is_lost() {
        let lost = |result: &str| {
            read(&format!(r#"{{"channel":"a","subscribe":{result}}}"#)).unwrap().lost
        };
        assert_eq!(lost(r#"{"was_recovering":true,"offset":4}"#), Some("a".into()));
        assert_eq!(lost(r#"{"was_recovering":true,"recovered":true}"#), None);
        assert_eq!(lost("{}"), None);
    }

    #[test]
    fn the_first_push_says_that_we_are_in() {
        assert!(read(r#"{"connect":{"client":"c"}}"#).unwrap().connected);
    }

    #[test]
    fn an_end_says_whether_to_come_back() {
        let ended = |code: u64| {
            let push = format!(r#"{{"channel":"a","unsubscribe":{{"code":{code},"reason":"x"}}}}"#);
            read(&push).unwrap().ended.unwrap()
        };
        assert_eq!(ended(103), Ended { channel: "a".into(), code: 103, reason: "x".into() });
        assert!(!ended(103).passes() && !ended(2000).passes());
        assert!(ended(100).passes() && ended(2500).passes());
    }

    #[test]
    fn other_pushes_bring_nothing_and_other_texts_are_errors() {
        let join = r#"{"channel":"a","join":{"info":{"user":"","client":"c"}}}"#;
        assert_eq!(read(join).unwrap(), Contents::default());
        for text in ["", "[]", "data", r#"{"channel":1}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
