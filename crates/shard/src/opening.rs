//! From a request head to an open connection, a refusal or a hand-over.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use trunkline_core::codec::{Endpoint, Heartbeat, OpenRequest, Opening, Refusal, Transport};
use trunkline_core::command::Request;
use trunkline_core::hub::{ConnectionKey, Variant};
use trunkline_core::rate::{Account, Doing};
use trunkline_core::session::{Abilities, Input, Session};
use trunkline_core::time::Tick;
use trunkline_telemetry::{Refused, UpgradeFailure};
use trunkline_transport::{
    Decoder, Handoff, Head, HeadLimits, Socket, UpgradeError, accept, parse_head,
    percent_decode_lossy, sse, write_response,
};

use crate::connection::{Connection, Open, Stage, Visit};
use crate::settings::Settings;
use crate::shard::{Shard, State};

/// What becomes of a request.
enum Verdict {
    /// The head is not complete.
    Incomplete,
    /// It is nothing for a shard.
    HandOver,
    /// It is answered with an error, written out already.
    Refused(UpgradeFailure),
    /// It becomes a connection; the response is written out already. `len` bytes were the head.
    Open { opening: Opening, window_bits: u8, len: usize },
}

impl Shard {
    /// Takes bytes of a request head.
    pub(crate) fn take_head(&mut self, key: ConnectionKey, bytes: &mut [u8]) {
        let now = self.now;
        let Connection { stage: Stage::Head(head), socket, visit, .. } =
            &mut self.connections[key as usize]
        else {
            return;
        };
        let mut gathered = std::mem::take(&mut head.bytes);
        let complete: &mut [u8] = if gathered.is_empty() {
            bytes
        } else {
            gathered.extend_from_slice(bytes);
            &mut gathered
        };
        let mut response = Vec::new();
        match judge(&self.settings, &mut Visitor { socket, visit, now }, complete, &mut response) {
            Verdict::Incomplete => {
                let complete = complete.to_vec();
                if let Stage::Head(head) = &mut self.connections[key as usize].stage {
                    head.bytes = complete;
                }
            }
            Verdict::HandOver => {
                let prefix = complete.to_vec();
                self.hand_over(key, prefix);
            }
            Verdict::Refused(failure) => {
                self.counters().upgrade_errors.add(failure, 1);
                self.answer_with(key, |out| out.extend_from_slice(&response));
                self.leave_open(key, false);
            }
            Verdict::Open { opening, window_bits, len } => {
                let says_who = matches!(opening.requests.first(), Some(Request::Connect(_)));
                if self.settings.withholds && says_who {
                    let visit = &mut self.connections[key as usize].visit;
                    visit.get_or_insert_default().withheld = response;
                } else {
                    self.answer_with(key, |out| out.extend_from_slice(&response));
                }
                self.open(key, opening, window_bits);
                if len < complete.len() && self.connections.contains(key as usize) {
                    self.take_frames(key, &mut complete[len..]);
                }
            }
        }
    }

    fn open(&mut self, key: ConnectionKey, opening: Opening, window_bits: u8) {
        let settings = Rc::clone(&self.settings);
        let codec = settings.codec(opening.codec);
        let abilities = Abilities {
            binary: codec.carries_binary(),
            gaps: codec.tells_gaps(),
            delta: codec.carries_delta(),
            unread: codec.hands_over_unread(),
            pong: !matches!(codec.heartbeat(), Heartbeat::OneWay(_)),
        };
        let Some(id) = self.ids.next() else {
            tracing::error!("the operating system gives no randomness: a connection is dropped");
            return self.leave_open(key, true);
        };
        let session = Session::new(id, abilities, self.now, &settings.node.limits);
        let decoder = Decoder::new(window_bits > 0);
        let variant = Variant { codec: opening.codec, window_bits };
        self.connections[key as usize].stage = Stage::Open(Open { session, decoder, variant });
        for request in opening.requests {
            self.tell(key, Input::Opened(request));
        }
        self.plan(key);
    }

    /// Gives a connection to the ordinary HTTP server, with what was read of it.
    fn hand_over(&mut self, key: ConnectionKey, prefix: Vec<u8>) {
        let mut connection = self.connections.remove(key as usize);
        // The other side watches it from now on.
        let _ = self.poll.registry().deregister(&mut connection.socket);
        let settings = Rc::clone(&self.settings);
        settings.connections.fetch_sub(1, Ordering::Relaxed);
        self.counters().connections.add(-1);
        let Connection { socket, .. } = connection;
        // A node that is leaving answers what was asked already, and nothing else.
        if self.state == State::Stopping
            || (settings.hand_over)(Handoff::new(socket, prefix)).is_err()
        {
            self.counters().refused.add(Refused::Overload, 1);
        }
    }
}

/// When to come back to a node that holds as many connections from the address as it may, in
/// milliseconds: when another may have gone. Any time is a guess.
const CROWDED_RETRY_MS: u64 = 5_000;

/// Who has sent a request.
struct Visitor<'a> {
    socket: &'a Socket,
    visit: &'a mut Option<Box<Visit>>,
    now: Tick,
}

impl Visitor<'_> {
    /// Counts that somebody connects from the address, or says after how many milliseconds that may
    /// be.
    fn admit(&mut self, settings: &Settings, head: &Head<'_>) -> Result<(), u64> {
        if !settings.counts_addresses {
            return Ok(());
        }
        let peer = self.socket.peer_addr().map(|peer| peer.ip());
        let address = settings.proxies.client(peer, head).map(Account::of_address);
        settings.node.admit(Doing::Connect, None, address.as_ref(), self.now)?;
        let known = self.visit.as_ref().is_some_and(|visit| visit.address.is_some());
        let crowded = |address: &Account| !known && !settings.node.enter_address(address);
        if address.as_ref().is_some_and(crowded) {
            return Err(CROWDED_RETRY_MS);
        }
        self.visit.get_or_insert_default().address = address;
        Ok(())
    }

    /// Keeps what the application wants to see of the request.
    fn keep_headers(&mut self, settings: &Settings, head: &Head<'_>) {
        let wanted = |name: &str| {
            settings.forwarded.iter().find(|wanted| wanted.eq_ignore_ascii_case(name)).cloned()
        };
        let kept: Vec<_> = head
            .headers()
            .filter_map(|(name, value)| Some((wanted(name)?, Box::from(value))))
            .collect();
        if !kept.is_empty() {
            self.visit.get_or_insert_default().headers = kept.into();
        }
    }
}

/// Decides what becomes of a request; what is to be answered at once goes into `response`.
fn judge(
    settings: &Settings,
    visitor: &mut Visitor<'_>,
    bytes: &[u8],
    response: &mut Vec<u8>,
) -> Verdict {
    let limits = &settings.node.limits;
    let limits = HeadLimits { max_bytes: limits.head_bytes, max_headers: limits.head_fields };
    let head = match parse_head(bytes, &limits) {
        Ok(Some(head)) => head,
        Ok(None) => return Verdict::Incomplete,
        Err(error) => {
            refuse(response, error.status(), &error.to_string());
            return Verdict::Refused(UpgradeFailure::Request);
        }
    };
    let Some(endpoint) = settings.endpoints.iter().find(|e| e.matches(head.path)) else {
        return Verdict::HandOver;
    };
    if let Err(retry_ms) = visitor.admit(settings, &head) {
        refuse_for_now(response, retry_ms);
        return Verdict::Refused(UpgradeFailure::TooFast);
    }
    visitor.keep_headers(settings, &head);
    let outcome = match endpoint.transport() {
        Transport::WebSocket => open_websocket(settings, &**endpoint, &head, response),
        Transport::EventStream => open_event_stream(settings, &**endpoint, &head, response),
    };
    match outcome {
        Ok((opening, window_bits)) => Verdict::Open { opening, window_bits, len: head.len },
        Err(failure) => Verdict::Refused(failure),
    }
}

fn open_websocket(
    settings: &Settings,
    endpoint: &dyn Endpoint,
    head: &Head<'_>,
    response: &mut Vec<u8>,
) -> Result<(Opening, u8), UpgradeFailure> {
    let subprotocols = endpoint.subprotocols();
    let accepted = accept(head, subprotocols, &settings.upgrade, response).map_err(|error| {
        error.write_response(response);
        match error {
            UpgradeError::OriginRefused => UpgradeFailure::Origin,
            _ => UpgradeFailure::Handshake,
        }
    })?;
    let subprotocol = accepted.subprotocol.map(|at| subprotocols[at]);
    let opening = open(endpoint, &request(head, subprotocol), response)?;
    Ok((opening, accepted.deflate.unwrap_or(0)))
}

fn open_event_stream(
    settings: &Settings,
    endpoint: &dyn Endpoint,
    head: &Head<'_>,
    response: &mut Vec<u8>,
) -> Result<(Opening, u8), UpgradeFailure> {
    if head.method != "GET" {
        refuse(response, 405, "an event stream is asked for with GET");
        return Err(UpgradeFailure::Request);
    }
    if head.is_ambiguous() {
        refuse(response, 400, "a header that may be there once is there twice");
        return Err(UpgradeFailure::Request);
    }
    if !settings.upgrade.origins.allows_stream(head) {
        refuse(response, 403, "origin not allowed");
        return Err(UpgradeFailure::Origin);
    }
    let opening = open(endpoint, &request(head, None), response)?;
    let cors = head.header("origin").map(|origin| ("Access-Control-Allow-Origin", origin));
    sse::write_stream_head(response, cors.as_slice());
    Ok((opening, 0))
}

/// Asks the endpoint; its refusal replaces whatever stands in `response`.
fn open(
    endpoint: &dyn Endpoint,
    request: &OpenRequest<'_>,
    response: &mut Vec<u8>,
) -> Result<Opening, UpgradeFailure> {
    endpoint.open(request).map_err(|Refusal { status, message }| {
        response.clear();
        refuse(response, status, &message);
        UpgradeFailure::Request
    })
}

fn request<'a>(head: &'a Head<'_>, subprotocol: Option<&'static str>) -> OpenRequest<'a> {
    let pair = |pair: &'a str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode_lossy(name), percent_decode_lossy(value))
    };
    OpenRequest {
        path: head.path,
        query: head.query.split('&').filter(|text| !text.is_empty()).map(pair).collect(),
        subprotocol,
        bearer: head.header("authorization").and_then(bearer),
        last_event_id: head.header("last-event-id"),
    }
}

/// The token in the value of an `Authorization` header. The case of its scheme does not matter, nor
/// how many blanks stand behind it (RFC 9110, sections 11.1 and 11.4).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// Tells when to come back, in whole seconds as HTTP has it (RFC 9110, section 10.2.3).
fn refuse_for_now(response: &mut Vec<u8>, retry_ms: u64) {
    let seconds = retry_ms.div_ceil(1_000).to_string();
    let body = format!("too many requests: come back in {retry_ms} ms\n");
    let headers = [("Retry-After", seconds.as_str())];
    write_response(response, 429, "text/plain; charset=utf-8", &headers, body.as_bytes());
}

fn refuse(response: &mut Vec<u8>, status: u16, message: &str) {
    let body = format!("{message}\n");
    write_response(response, status, "text/plain; charset=utf-8", &[], body.as_bytes());
}
