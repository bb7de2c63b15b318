//! One subscription over as many connections as it takes.

use std::io::{self, BufReader};
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::http::StatusCode;

use super::push::{self, Contents};
use crate::cli::back_off::BackOff;
use crate::cli::event_stream::EventStream;
use crate::cli::failure::note;
use crate::cli::node_url;
use crate::cli::output::Reader;
use crate::cli::{Failure, Output};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a node may be silent before its connection counts as broken: more than twice the 25
/// seconds after which it sends a comment by default.
const SILENCE: Duration = Duration::from_secs(60);

/// Follows an event stream.
pub(super) struct Follower {
    url: String,
    token: Option<String>,
    data_only: bool,
    /// Publications still to come, at least one; `None` for all there are.
    wanted: Option<u64>,
    /// The last id of the stream, to come back with.
    last_id: String,
    /// Whether the node ever let us in.
    admitted: bool,
    back_off: BackOff,
}

/// How one connection ended.
enum End {
    /// All that was wanted was printed, or nobody reads any more.
    Done,
    /// Try again; the words say why.
    Lost(String),
}

impl Follower {
    /// Prints the data of publications only, or whole pushes; ends after `wanted` publications.
    pub(super) fn new(
        url: String,
        token: Option<String>,
        data_only: bool,
        wanted: Option<u64>,
    ) -> Self {
        let last_id = String::new();
        let back_off = BackOff::default();
        Self { url, token, data_only, wanted, last_id, admitted: false, back_off }
    }

    /// Connects, and connects again whenever the connection is lost.
    ///
    /// # Errors
    /// The first connection cannot be made, or the node refuses.
    pub(super) fn follow(mut self) -> Result<(), Failure> {
        let mut output = Output::stdout();
        loop {
            let reason = match self.connection(&mut output)? {
                End::Done => return Ok(()),
                End::Lost(reason) if !self.admitted => {
                    return Err(Failure::trouble(format_args!("{}: {reason}", self.url)));
                }
                End::Lost(reason) => reason,
            };
            let wait = self.back_off.next(random());
            note(format_args!("{reason}; trying again in {:.1} s", wait.as_secs_f64()));
            thread::sleep(wait);
        }
    }

    /// One connection, to its end.
    fn connection(&mut self, output: &mut Output) -> Result<End, Failure> {
        let agent = Agent::new_with_config(
            Agent::config_builder()
                .http_status_as_error(false)
                .timeout_connect(Some(CONNECT))
                .timeout_recv_response(Some(CONNECT))
                .timeout_per_read(Some(SILENCE))
                .build(),
        );
        let mut request = agent.get(&self.url).header("Accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if !self.last_id.is_empty() {
            request = request.header("Last-Event-ID", &self.last_id);
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(End::Lost(node_url::why(&error))),
        };
        if response.status() != StatusCode::OK {
            let status = response.status();
            let body = response.body_mut().read_to_string().unwrap_or_default();
            let words = format!("the node answered {status}: {}", body.trim());
            let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return if passes { Ok(End::Lost(words)) } else { Err(Failure::refused(words)) };
        }
        let mut events = EventStream::new(BufReader::new(response.into_body().into_reader()));
        let mut admitted = false;
        loop {
            let event = match events.next() {
                Ok(Some(event)) => event,
                Ok(None) if !admitted && !self.admitted => {
                    return Err(Failure::refused("the node did not admit us; is the token valid?"));
                }
                Ok(None) => return Ok(End::Lost("the node closed the connection".into())),
                Err(error) => return Ok(End::Lost(format!("connection lost: {}", why(&error)))),
            };
            let contents = push::read(&event.data).map_err(|error| {
                Failure::refused(format_args!("the answer is not one of a Trunkline node: {error}"))
            })?;
            if contents.connected {
                admitted = true;
                self.admitted = true;
                self.back_off.reset();
            }
            if !event.id.is_empty() {
                self.last_id = event.id;
            }
            if let Some(end) = self.take(&event.data, contents, output)? {
                return Ok(end);
            }
        }
    }

    /// Prints what a push brings; says so when it is the last of this connection.
    fn take(
        &mut self,
        push: &str,
        contents: Contents,
        output: &mut Output,
    ) -> Result<Option<End>, Failure> {
        if let Some(channel) = contents.lost {
            note(format_args!("{channel}: some publications were missed and cannot be recovered"));
        }
        let printed = if self.data_only { contents.data.as_deref() } else { Some(push) };
        if let Some(line) = printed
            && output.line(line)? == Reader::Gone
        {
            return Ok(Some(End::Done));
        }
        if contents.data.is_some()
            && let Some(wanted) = &mut self.wanted
        {
            *wanted -= 1;
            if *wanted == 0 {
                return Ok(Some(End::Done));
            }
        }
        match contents.ended {
            None => Ok(None),
            Some(ended) => {
                let words = format!("{}: {} ({})", ended.channel, ended.reason, ended.code);
                if ended.passes() {
                    Ok(Some(End::Lost(words)))
                } else {
                    Err(Failure::refused(words))
                }
            }
        }
    }
}

/// What happened to a connection, in words of ours where the client library has none for people.
fn why(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(ureq::Error::Timeout(_)) => format!("no sign of life for {} s", SILENCE.as_secs()),
        _ => error.to_string(),
    }
}

/// A number for jitter; without randomness the waits are merely not spread.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}
