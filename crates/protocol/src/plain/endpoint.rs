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

/// A channel, and the position at which the client wants to come back to it.
type Place = (String, Option<Position>);

/// Plain JSON over a WebSocket. Parameters, all optional: `channels` (names separated by commas),
/// `format=raw` for payloads alone ([`raw`](crate::raw)), `token` (or a bearer token), `join_leave=true`, and a position to come back at: `since` for a
/// single channel, `since.<channel>` for each of several.
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
        let codec = match request.param("format") {
            None | Some("json") => registry::PLAIN,
            Some("raw") => registry::RAW,
            Some(format) => return Err(refusal(format!("unknown format {}", quoted(format)))),
        };
        let places = places(request, &channels(request)?)?;
        Ok(Opening { codec, requests: requests(request, places) })
    }
}

/// Plain JSON as an event stream. Parameters as for [`PlainWebSocket`], but at least one channel
/// must be named. Of a single channel each publication has its position as the event's id, and a
/// `Last-Event-ID` takes precedence over `since`, which an EventSource repeats unchanged. For the
/// same reason several channels cannot be come back to: without ids it would begin again at the
/// same place each time.
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
        let mut places = places(request, &channels(request)?)?;
        let codec = match &mut *places {
            [] => return Err(refusal("no channels: add ?channels=a,b")),
            [(_, place)] => {
                *place = last_event(request).or(place.take());
                registry::EVENT_STREAM
            }
            several if several.iter().any(|(_, place)| place.is_some()) => {
                return Err(refusal("since: an event stream of several channels has no positions"));
            }
            _ => registry::EVENT_STREAM_OF_SEVERAL,
        };
        Ok(Opening { codec, requests: requests(request, places) })
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

/// The channels with the position that the URL gives for each.
fn places(request: &OpenRequest<'_>, channels: &[String]) -> Result<Vec<Place>, Refusal> {
    let mut places: Vec<Place> = channels.iter().map(|name| (name.clone(), None)).collect();
    for (key, text) in request.query.iter().filter(|(_, text)| !text.is_empty()) {
        let place = if key == "since" {
            match &mut *places {
                [(_, place)] => place,
                _ => return Err(refusal("since: wants exactly one channel, or since.<channel>")),
            }
        } else if let Some(channel) = key.strip_prefix("since.") {
            match places.iter_mut().find(|(name, _)| name == channel) {
                Some((_, place)) => place,
                None => {
                    let channel = quoted(channel);
                    return Err(refusal(format!("since: {channel} is none of the channels")));
                }
            }
        } else {
            continue;
        };
        let position = position::parse(text);
        *place = Some(position.ok_or_else(|| refusal("since: wants <epoch>.<offset>~<tag>"))?);
    }
    Ok(places)
}

/// The position an EventSource comes back with. An id that is not ours is not refused, which an
/// EventSource would take as final: as a position it matches no stream, so that the client is
/// told that nothing was recovered.
fn last_event(request: &OpenRequest<'_>) -> Option<Position> {
    let id = request.last_event_id.filter(|id| !id.is_empty())?;
    Some(position::parse(id).unwrap_or_else(|| position::foreign(id, 0)))
}

fn requests(request: &OpenRequest<'_>, places: Vec<Place>) -> Vec<Request<'static>> {
    let join_leave = request.param("join_leave") == Some("true");
    let connect = Request::Connect(ConnectRequest { token: token(request), ..Default::default() });
    let subscriptions = places.into_iter().map(|(channel, recover)| {
        Request::Subscribe(SubscribeRequest {
            channel: Cow::Owned(channel),
            recover,
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
