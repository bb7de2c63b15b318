//! What servers say over WebSockets, `/ws` and the Centrifuge protocol alike, as far as it matters
//! here: a push of the latter is one of the former inside `push`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use trunkline_checker::event::{GapReason, Kept, Place};

/// One object of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    /// Of the command that is answered; 0 for a push.
    pub(crate) id: u32,
    push: Option<Box<Said>>,
    pub(crate) channel: Option<String>,
    pub(crate) connect: Option<IgnoredAny>,
    pub(crate) subscribe: Option<Subscribed>,
    pub(crate) unsubscribe: Option<IgnoredAny>,
    disconnect: Option<IgnoredAny>,
    pub(crate) publish: Option<IgnoredAny>,
    pub(crate) error: Option<Refused>,
    pub(crate) gap: Option<Gap>,
    #[serde(rename = "pub")]
    pub(crate) publication: Option<Publication>,
}

impl Said {
    /// Whether it is the empty object, which wants one in return.
    pub(crate) fn is_ping(&self) -> bool {
        let pushed = self.channel.is_some() || self.publication.is_some() || self.gap.is_some();
        let told = self.connect.is_some() || self.subscribe.is_some();
        let over = self.unsubscribe.is_some() || self.disconnect.is_some();
        self.id == 0 && !pushed && !told && !over
    }
}

/// A subscription as it begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Subscribed {
    epoch: String,
    offset: u64,
    tag: Option<String>,
    pub(crate) recovered: bool,
    pub(crate) was_recovering: bool,
    gap: Option<Gap>,
    pub(crate) publications: Vec<Publication>,
}

impl Subscribed {
    /// Where it begins.
    pub(crate) fn place(&self) -> Place {
        Place { epoch: self.epoch.clone(), offset: self.offset, tag: self.tag.clone() }
    }

    /// Why it does not begin where it was asked to.
    pub(crate) fn gap(&self) -> Option<GapReason> {
        self.gap.as_ref().and_then(Gap::reason)
    }
}

/// Something is missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Gap {
    reason: String,
    epoch: String,
    offset: u64,
    tag: Option<String>,
}

impl Gap {
    /// Why; `None` if the word is not known.
    pub(crate) fn reason(&self) -> Option<GapReason> {
        GapReason::parse(&self.reason)
    }

    /// Where it goes on.
    pub(crate) fn place(&self) -> Place {
        Place { epoch: self.epoch.clone(), offset: self.offset, tag: self.tag.clone() }
    }
}

/// A publication, on the wire and in a history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Publication {
    data: Data,
    pub(crate) offset: u64,
    pub(crate) tag: Option<String>,
}

impl Publication {
    /// The id its publisher gave it.
    pub(crate) fn id(&self) -> &str {
        &self.data.id
    }

    /// As it stands in a history.
    pub(crate) fn kept(self) -> Kept {
        Kept { offset: self.offset, id: self.data.id, tag: self.tag }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    id: String,
}

/// What is wrong with a command.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    pub(crate) code: u32,
    pub(crate) message: String,
}

/// Reads a message: objects, one after the other.
///
/// # Errors
/// It is no such thing.
pub(crate) fn read(message: &str) -> Result<Vec<Said>, serde_json::Error> {
    let objects = serde_json::Deserializer::from_str(message).into_iter::<Said>();
    objects
        .map(|said| {
            let mut said = said?;
            Ok(said.push.take().map_or(said, |push| *push))
        })
        .collect()
}

/// The payload of a message: its id, and so many bytes that it is not always the same size.
pub(crate) fn payload(id: &str, padding: usize) -> String {
    format!(r#"{{"id":"{id}","pad":"{:.<padding$}"}}"#, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_say_the_same() {
        let data = payload("m1", 3);
        let publication = format!(r#""channel":"c","pub":{{"data":{data},"offset":7,"tag":"0a"}}"#);
        for text in [format!("{{{publication}}}"), format!(r#"{{"push":{{{publication}}}}}"#)] {
            let said = read(&text).unwrap().remove(0);
            let publication = said.publication.unwrap();
            assert_eq!((said.channel.as_deref(), publication.id()), (Some("c"), "m1"));
            let kept = Kept { offset: 7, id: "m1".into(), tag: Some("0a".into()) };
            assert_eq!(publication.kept(), kept);
        }
    }

    #[test]
    fn a_message_may_hold_several() {
        let said = read("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"publish\":{}}\n{}").unwrap();
        assert!(said[0].connect.is_some() && said[1].publish.is_some() && said[2].is_ping());
        assert!(!said[0].is_ping() && !said[1].is_ping());
    }

    #[test]
    fn a_subscription_that_was_not_recovered_says_why() {
        let text = r#"{"channel":"c","subscribe":{"recoverable":true,"epoch":"e","offset":9,"positioned":true,"was_recovering":true,"gap":{"reason":"trimmed"}}}"#;
        let subscribed = read(text).unwrap().remove(0).subscribe.unwrap();
        assert_eq!(subscribed.place(), Place::new("e", 9));
        assert_eq!(subscribed.gap(), Some(GapReason::Trimmed));
        assert!(subscribed.was_recovering && !subscribed.recovered);
    }

    #[test]
    fn a_gap_says_where_it_goes_on() {
        let text =
            r#"{"channel":"c","gap":{"reason":"overflow","epoch":"e","offset":9,"tag":"0a"}}"#;
        let gap = read(text).unwrap().remove(0).gap.unwrap();
        assert_eq!(gap.reason(), Some(GapReason::Overflow));
        assert_eq!(gap.place(), Place { tag: Some("0a".into()), ..Place::new("e", 9) });
    }
}
