//! What a note of a schedule says: JSON, which others may write as well.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use trunkline_core::limits::{TAG_BYTES, TAGS};
use trunkline_core::schedule::{Entry, Rule, Schedule};
use trunkline_core::time::WallTime;
use trunkline_node::schedules::ScheduleForm;
use trunkline_protocol::json::{is_json, single_line};

use super::rule;

/// `{"data":…}` with, where there is something to say, `"b64data"` in its place, `"tags"`,
/// `"skip_history"`, `"late_ms"`, `"cron"` and `"zone"`; or `{"fired":true}`.
#[derive(Clone, Copy, Debug)]
pub struct JsonForm;

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none", borrow, deserialize_with = "stated")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    b64data: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", borrow)]
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skip_history: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    cron: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    zone: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fired: bool,
}

/// A value that is there, be it `null`: that is a payload like any other.
fn stated<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl ScheduleForm for JsonForm {
    fn read(&self, value: &[u8]) -> Option<Entry> {
        let written: Written<'_> = serde_json::from_slice(value).ok()?;
        if written.fired {
            return Some(Entry::Fired);
        }
        let data = match (written.data, &written.b64data) {
            (Some(data), None) => single_line(data.get().as_bytes()).into_owned().into(),
            // Some write out what they leave empty.
            (Some(data), Some(_)) if data.get() != "null" => return None,
            (_, Some(encoded)) => STANDARD.decode(&**encoded).ok()?.into(),
            (None, None) => return None,
        };
        let fits = |text: &str| text.len() <= TAG_BYTES;
        let small = written.tags.len() <= TAGS
            && written.tags.iter().all(|(name, value)| fits(name) && fits(value));
        let rule = written.cron.map(|cron| Rule {
            cron: cron.into(),
            zone: written.zone.unwrap_or("UTC".into()).into(),
        });
        let sound = rule.as_ref().is_none_or(|rule| rule::check(rule).is_ok());
        let tags = written.tags.into_iter().map(|(name, value)| (name.into(), value.into()));
        (small && sound).then(|| {
            Entry::Waiting(Schedule {
                data,
                tags: tags.collect(),
                skip_history: written.skip_history,
                late_ms: written.late_ms,
                rule,
            })
        })
    }

    fn write(&self, entry: &Entry) -> Bytes {
        let Entry::Waiting(schedule) = entry else {
            return Bytes::from_static(b"{\"fired\":true}");
        };
        let json = is_json(&schedule.data);
        let tags = schedule.tags.iter();
        let written = Written {
            data: if json { serde_json::from_slice(&schedule.data).ok() } else { None },
            b64data: (!json).then(|| STANDARD.encode(&schedule.data).into()),
            tags: tags.map(|(name, value)| ((&**name).into(), (&**value).into())).collect(),
            skip_history: schedule.skip_history,
            late_ms: schedule.late_ms,
            cron: schedule.rule.as_ref().map(|rule| (&*rule.cron).into()),
            zone: schedule.rule.as_ref().map(|rule| (&*rule.zone).into()),
            fired: false,
        };
        serde_json::to_vec(&written).unwrap_or_default().into()
    }

    fn is_text(&self, data: &[u8]) -> bool {
        // Line breaks separate messages on the wire.
        is_json(data) && !data.contains(&b'\n') && !data.contains(&b'\r')
    }

    fn next(&self, rule: &Rule, after: WallTime) -> Option<WallTime> {
        rule::next(rule, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let plain = Schedule { data: "{\"a\":1}".into(), ..Schedule::default() };
        let null = Schedule { data: "null".into(), ..Schedule::default() };
        let full = Schedule {
            data: Bytes::from_static(b"\xff\0"),
            tags: vec![("a".into(), "b".into())],
            skip_history: true,
            late_ms: Some(5),
            rule: Some(Rule { cron: "* * * * *".into(), zone: "Europe/Berlin".into() }),
        };
        let waiting = [plain, null, full].map(Entry::Waiting);
        for entry in waiting.into_iter().chain([Entry::Fired]) {
            assert_eq!(JsonForm.read(&JsonForm.write(&entry)), Some(entry));
        }
    }

    #[test]
    fn null_is_a_payload_unless_there_is_another_one() {
        for (written, data) in [
            (r#"{"data":null}"#, "null"),
            (r#"{"data": null ,"b64data":null}"#, "null"),
            (r#"{"data":null,"b64data":"bnVsbA=="}"#, "null"),
            (r#"{"data":null,"b64data":"NQ=="}"#, "5"),
        ] {
            let Some(Entry::Waiting(schedule)) = JsonForm.read(written.as_bytes()) else {
                panic!("{written}")
            };
            assert_eq!(schedule.data, data, "{written}");
        }
    }

    #[test]
    fn what_others_write_is_not_believed_blindly() {
        for bad in [
            "",
            "no",
            "{}",
            "[]",
            r#"{"data":1,"b64data":"AA=="}"#,
            r#"{"b64data":"!"}"#,
            r#"{"data":1,"cron":"nonsense"}"#,
            r#"{"data":1,"cron":"* * * * *","zone":"Nowhere"}"#,
            r#"{"data":1,"late_ms":-1}"#,
        ] {
            assert_eq!(JsonForm.read(bad.as_bytes()), None, "{bad}");
        }
        let many: Vec<String> = (0..=TAGS).map(|n| format!("\"{n}\":\"\"")).collect();
        let many = format!("{{\"data\":1,\"tags\":{{{}}}}}", many.join(","));
        assert_eq!(JsonForm.read(many.as_bytes()), None);
    }
}
