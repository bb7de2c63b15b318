//! What a call looks like on the wire, and its answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trunkline_core::application::{
    About, Approval, Call, Objection, Permission, Renewal, Response,
};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{Identity, ServerSubscription, UserId};
use trunkline_core::limits::USER_ID_BYTES;
use trunkline_core::time::WallTime;

/// The body of every call. Those that know no user yet leave it out, as they do what they have not.
#[derive(Serialize, Default)]
struct Request<'a> {
    client: String,
    transport: &'static str,
    protocol: &'static str,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b64data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
}

/// Writes a call.
pub(crate) fn write(about: &About, call: &Call) -> Bytes {
    let mut request = Request {
        client: about.client.to_string(),
        transport: if about.one_way { "sse" } else { "websocket" },
        protocol: if about.binary { "protobuf" } else { "json" },
        // Of the call itself: JSON stands in it as it is.
        encoding: "json",
        meta: about.meta.as_ref().and_then(|meta| json(meta)),
        ..Request::default()
    };
    let user = Some(about.user.as_str());
    match call {
        Call::Connect { name, version, data, .. } => {
            (request.name, request.version) = (name, version);
            request.carry(data.as_deref());
        }
        Call::Refresh => request.user = user,
        Call::Subscribe { channel } | Call::SubRefresh { channel } => {
            (request.user, request.channel) = (user, Some(channel.as_str()));
        }
        Call::Publish { channel, data } => {
            (request.user, request.channel) = (user, Some(channel.as_str()));
            request.carry(Some(data));
        }
        Call::Rpc { method, data } => {
            (request.user, request.method) = (user, Some(&**method));
            request.carry(Some(data));
        }
    }
    serde_json::to_vec(&request).unwrap_or_default().into()
}

impl<'a> Request<'a> {
    /// As JSON if it is, else as base64.
    fn carry(&mut self, data: Option<&'a [u8]>) {
        let Some(data) = data.filter(|data| !data.is_empty()) else { return };
        self.data = json(data);
        if self.data.is_none() {
            self.b64data = Some(STANDARD.encode(data));
        }
    }
}

fn json(bytes: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(bytes).ok()
}

/// The body of every answer: one of the three.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<Outcome<'a>>,
    #[serde(borrow)]
    error: Option<Fault<'a>>,
    #[serde(borrow)]
    disconnect: Option<Disconnect<'a>>,
}

#[derive(Deserialize)]
struct Fault<'a> {
    code: u32,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(default)]
    temporary: bool,
}

#[derive(Deserialize)]
struct Disconnect<'a> {
    code: u16,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
}

/// All members that results have. Others are passed over: applications answer newer servers too.
#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    user: Option<Name<'a>>,
    #[serde(default)]
    expired: bool,
    #[serde(default)]
    expire_at: u64,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    #[serde(borrow)]
    b64info: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    b64data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(default, borrow)]
    channels: Vec<Cow<'a, str>>,
    #[serde(default, borrow)]
    subs: BTreeMap<Cow<'a, str>, Subscription<'a>>,
    #[serde(default)]
    skip_history: bool,
}

/// A user: a text, or a whole number, which applications have as well.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(i64),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subscription<'a> {
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    #[serde(borrow)]
    b64info: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    b64data: Option<Cow<'a, str>>,
}

/// Reads the answer to a call. What is none is as no answer: it says neither yes nor no.
pub(crate) fn read(call: &Call, body: &[u8]) -> Result<Response, Objection> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| Objection::Unavailable)?;
    if let Some(Fault { code, message, temporary }) = answer.error {
        return Err(match code {
            400..=1999 => Objection::Error { code, message: message.into(), temporary },
            _ => Objection::Unavailable,
        });
    }
    if let Some(Disconnect { code, reason }) = answer.disconnect {
        return Err(match code {
            4000..=4999 => Objection::Disconnect { code, reason: reason.into() },
            _ => Objection::Unavailable,
        });
    }
    let outcome = answer.result.ok_or(Objection::Unavailable)?;
    response(call, &outcome).ok_or(Objection::Unavailable)
}

fn response(call: &Call, outcome: &Outcome<'_>) -> Option<Response> {
    let info = payload(outcome.info, outcome.b64info.as_deref())?;
    let data = payload(outcome.data, outcome.b64data.as_deref())?;
    let expires_at =
        (outcome.expire_at > 0).then(|| WallTime(outcome.expire_at.saturating_mul(1_000)));
    Some(match call {
        Call::Connect { .. } => {
            let user = match &outcome.user {
                Some(Name::Text(user)) if user.len() > USER_ID_BYTES => return None,
                Some(Name::Text(user)) => UserId::new(user),
                Some(Name::Number(user)) => UserId::new(&user.to_string()),
                None => UserId::default(),
            };
            let meta = payload(outcome.meta, None)?;
            let channels = channels(&outcome.channels, &outcome.subs)?;
            let identity =
                Identity { user, info, expires_at, credential: None, data, meta, channels };
            Response::Connect { identity: Box::new(identity), age_ms: 0 }
        }
        Call::Refresh | Call::SubRefresh { .. } => {
            Response::Renewal(Renewal { expired: outcome.expired, expires_at, info })
        }
        Call::Subscribe { .. } => Response::Subscribe(Permission { info, data, expires_at }),
        Call::Publish { .. } => {
            let json = data.as_deref().is_some_and(|data| json(data).is_some());
            Response::Publish(Approval { data, json, skip_history: outcome.skip_history })
        }
        Call::Rpc { .. } => Response::Rpc(data.unwrap_or_default()),
    })
}

/// A payload, as JSON or base64; `None` if it is neither. JSON is put on one line, as line breaks
/// separate messages on the wire.
fn payload(value: Option<&RawValue>, base64: Option<&str>) -> Option<Option<Bytes>> {
    if let Some(encoded) = base64.filter(|encoded| !encoded.is_empty()) {
        let bytes = STANDARD.decode(encoded).ok()?;
        return Some(Some(match json(&bytes) {
            Some(value) => one_line(value),
            None => bytes.into(),
        }));
    }
    let value = value.filter(|value| value.get() != "null");
    Some(value.map(one_line))
}

fn one_line(value: &RawValue) -> Bytes {
    let mut line = value.get().as_bytes().to_vec();
    // A line break can only stand between tokens.
    line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    line.into()
}

fn channels(
    names: &[Cow<'_, str>],
    described: &BTreeMap<Cow<'_, str>, Subscription<'_>>,
) -> Option<Vec<(ChannelName, ServerSubscription)>> {
    let mut channels = BTreeMap::new();
    for name in names {
        channels.insert(ChannelName::parse(name).ok()?, ServerSubscription::default());
    }
    for (name, subscription) in described {
        let info = payload(subscription.info, subscription.b64info.as_deref())?;
        let data = payload(subscription.data, subscription.b64data.as_deref())?;
        channels.insert(ChannelName::parse(name).ok()?, ServerSubscription { info, data });
    }
    Some(channels.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use trunkline_core::identity::ClientId;

    use super::*;

    fn about() -> About {
        About {
            client: ClientId(7),
            user: UserId::new("42"),
            binary: false,
            one_way: false,
            meta: Some("{\"m\":1}".into()),
        }
    }

    fn connect() -> Call {
        Call::Connect {
            name: "js".into(),
            version: "5".into(),
            data: Some("{\"a\":1}".into()),
            anew: false,
        }
    }

    fn channel() -> ChannelName {
        ChannelName::parse("chat:1").unwrap()
    }

    #[test]
    fn calls_look_as_applications_know_them() {
        let begin = "{\"client\":\"00000000-0000-0000-0000-000000000007\",\
                     \"transport\":\"websocket\",\"protocol\":\"json\",\"encoding\":\"json\",";
        let end = ",\"meta\":{\"m\":1}}";
        for (call, middle) in [
            (connect(), "\"name\":\"js\",\"version\":\"5\",\"data\":{\"a\":1}"),
            (Call::Refresh, "\"user\":\"42\""),
            (Call::Subscribe { channel: channel() }, "\"user\":\"42\",\"channel\":\"chat:1\""),
            (
                Call::Publish { channel: channel(), data: "\u{1}".into() },
                "\"user\":\"42\",\"channel\":\"chat:1\",\"b64data\":\"AQ==\"",
            ),
            (
                Call::Rpc { method: "add".into(), data: "[1,2]".into() },
                "\"user\":\"42\",\"method\":\"add\",\"data\":[1,2]",
            ),
        ] {
            let written = write(&about(), &call);
            assert_eq!(std::str::from_utf8(&written).unwrap(), format!("{begin}{middle}{end}"));
        }
    }

    #[test]
    fn they_say_how_the_client_talks() {
        let of = |binary, one_way| write(&About { binary, one_way, ..about() }, &Call::Refresh);
        let says = |body: &[u8], words: &str| std::str::from_utf8(body).unwrap().contains(words);
        assert!(says(&of(true, false), r#""transport":"websocket","protocol":"protobuf""#));
        assert!(says(&of(false, true), r#""transport":"sse","protocol":"json""#));
    }

    #[test]
    fn what_replaces_a_publication_is_known_to_be_json_or_not() {
        let call = Call::Publish { channel: channel(), data: "1".into() };
        let replaced = |body: &str| {
            let answer = read(&call, format!("{{\"result\":{body}}}").as_bytes());
            let Ok(Response::Publish(Approval { data, json, .. })) = answer else {
                panic!("{answer:?}")
            };
            (data.map(|data| data.to_vec()), json)
        };
        assert_eq!(replaced(r#"{"data":{"a":2}}"#), (Some(b"{\"a\":2}".to_vec()), true));
        assert_eq!(replaced(r#"{"b64data":"WwoxXQ=="}"#), (Some(b"[ 1]".to_vec()), true));
        assert_eq!(replaced(r#"{"b64data":"AQ=="}"#), (Some(vec![1]), false));
        assert_eq!(replaced("{}"), (None, false));
    }

    #[test]
    fn an_identity_is_read() {
        let body = br#"{"result":{"user":42,"expire_at":5,"info":{"n":
1},"b64data":"aGk=","meta":{"m":1},"channels":["a"],"subs":{"b":{"info":1}},"new":0}}"#;
        let Ok(Response::Connect { identity, .. }) = read(&connect(), body) else { panic!() };
        assert_eq!(identity.user, UserId::new("42"));
        assert_eq!(identity.info.as_deref(), Some(&b"{\"n\": 1}"[..]));
        assert_eq!(identity.data.as_deref(), Some(&b"hi"[..]));
        assert_eq!(identity.expires_at, Some(WallTime(5_000)));
        let names: Vec<_> = identity.channels.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn what_the_application_objects_is_read() {
        let objection = |body: &str| read(&Call::Refresh, body.as_bytes()).unwrap_err();
        assert_eq!(
            objection(r#"{"error":{"code":403,"message":"no","temporary":true}}"#),
            Objection::Error { code: 403, message: "no".into(), temporary: true }
        );
        assert_eq!(
            objection(r#"{"disconnect":{"code":4001,"reason":"bye"}}"#),
            Objection::Disconnect { code: 4001, reason: "bye".into() }
        );
    }

    #[test]
    fn nonsense_says_neither_yes_nor_no() {
        for body in [
            "",
            "no",
            "[]",
            "{}",
            "null",
            r#"{"result":null}"#,
            r#"{"result":7}"#,
            r#"{"result":{"user":{}}}"#,
            r#"{"result":{"b64info":"!"}}"#,
            r#"{"result":{"channels":["a b"]}}"#,
            r#"{"error":{"code":1}}"#,
            r#"{"error":{}}"#,
            r#"{"disconnect":{"code":3000}}"#,
        ] {
            assert_eq!(read(&connect(), body.as_bytes()), Err(Objection::Unavailable), "{body}");
        }
        let long = format!(r#"{{"result":{{"user":"{}"}}}}"#, "x".repeat(USER_ID_BYTES + 1));
        assert_eq!(read(&connect(), long.as_bytes()), Err(Objection::Unavailable));
    }
}
