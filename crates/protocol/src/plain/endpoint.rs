//! `/ws?channels=a,b` and `/sse?channels=a,b`: everything in the URL.

use std::borrow::Cow;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Endpoint, OpenRequest, Opening, Refusal, Transport};
use trunkline_core::command::{ConnectRequest, Request, SubscribeRequest};
use trunkline_core::position::Position;

use crate::{position, registry};

/// Channels one URL may name: as many as a connection may have by default, and about what fits in
/// a request head.
const URL_CHANNELS: usize = 128;

/// Plain JSON over a WebSocket. Parameters, all optional: `channels` (names separated by commas),
/// `token` (or a bearer token), `join_leave=true`, and `since=<epoch>.<offset>` to come back to a
/// single channel.
#[derive(Clone, Copy, Debug)]
pub struct PlainWebSocket;

impl Endpoint for PlainWebSocket {
    fn matches(&self, path: &str) -> bool {
        path == "/ws"
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn open(&self, request: &OpenRequest<'_>) -> Result<Opening, Refusal> {
        if let Some(format) = request.param("format").filter(|format| *format != "json") {
            return Err(refusal(format!("unknown format {}", quoted(format))));
        }
        let channels = channels(request)?;
        let recover = since(request, channels.len())?;
        Ok(Opening { codec: registry::PLAIN, requests: requests(request, channels, recover) })
    }
}

/// Plain JSON as an event stream. Parameters as for [`PlainWebSocket`], but at least one channel
/// must be named. Of a single channel each publication has its position as the event's id, and a
/// `Last-Event-ID` takes precedence over `since`, which an EventSource repeats unchanged.
#[derive(Clone, Copy, Debug)]
pub struct EventStream;

impl Endpoint for EventStream {
    fn matches(&self, path: &str) -> bool {
        path == "/sse"
    }

    fn transport(&self) -> Transport {
        Transport::EventStream
    }

    fn open(&self, request: &OpenRequest<'_>) -> Result<Opening, Refusal> {
        let channels = channels(request)?;
        let (codec, recover) = match channels.len() {
            0 => return Err(refusal("no channels: add ?channels=a,b")),
            1 => (registry::EVENT_STREAM, last_event(request)),
            _ => (registry::EVENT_STREAM_OF_SEVERAL, None),
        };
        let recover = match recover {
            Some(position) => Some(position),
            None => since(request, channels.len())?,
        };
        Ok(Opening { codec, requests: requests(request, channels, recover) })
    }
}

fn refusal(message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal { status: 400, message: message.into() }
}

/// What a client sent, fit to be shown in one line: escaped, and not too long.
fn quoted(text: &str) -> String {
    let kept = text.floor_char_boundary(64);
    format!("{:?}", &text[..kept])
}

/// The channels named in the URL, each once. Empty names between commas are passed over.
fn channels(request: &OpenRequest<'_>) -> Result<Vec<String>, Refusal> {
    let lists = request.query.iter().filter(|(key, _)| key == "channels");
    let names = lists.flat_map(|(_, list)| list.split(',')).filter(|name| !name.is_empty());
    let mut channels: Vec<String> = Vec::new();
    for name in names {
        if let Err(error) = ChannelName::parse(name) {
            return Err(refusal(format!("channel {}: {error}", quoted(name))));
        }
        if channels.iter().any(|known| known == name) {
            continue;
        }
        if channels.len() == URL_CHANNELS {
            return Err(refusal(format!("channels: more than {URL_CHANNELS}")));
        }
        channels.push(name.to_owned());
    }
    Ok(channels)
}

/// The position given by `since`, which must be of the only channel.
fn since(request: &OpenRequest<'_>, channels: usize) -> Result<Option<Position>, Refusal> {
    match request.param("since") {
        None | Some("") => Ok(None),
        Some(_) if channels != 1 => Err(refusal("since: wants exactly one channel")),
        Some(text) => match position::parse(text) {
            Some(position) => Ok(Some(position)),
            None => Err(refusal("since: wants <epoch>.<offset>")),
        },
    }
}

/// The position an EventSource comes back with. An id that is not ours is not refused, which an
/// EventSource would take as final: as a position it matches no stream, so that the client is
/// told that nothing was recovered.
fn last_event(request: &OpenRequest<'_>) -> Option<Position> {
    let id = request.last_event_id.filter(|id| !id.is_empty())?;
    Some(position::parse(id).unwrap_or_else(|| position::foreign(id, 0)))
}

fn requests(
    request: &OpenRequest<'_>,
    channels: Vec<String>,
    mut recover: Option<Position>,
) -> Vec<Request<'static>> {
    let join_leave = request.param("join_leave") == Some("true");
    let connect = Request::Connect(ConnectRequest { token: token(request), ..Default::default() });
    let subscriptions = channels.into_iter().map(|channel| {
        Request::Subscribe(SubscribeRequest {
            channel: Cow::Owned(channel),
            recover: recover.take(),
            join_leave,
            ..Default::default()
        })
    });
    std::iter::once(connect).chain(subscriptions).collect()
}

/// The connection token: the parameter, for clients that cannot set headers, or the header.
pub(crate) fn token(request: &OpenRequest<'_>) -> Cow<'static, str> {
    let token = request.param("token").filter(|token| !token.is_empty()).or(request.bearer);
    Cow::Owned(token.unwrap_or("").to_owned())
}
