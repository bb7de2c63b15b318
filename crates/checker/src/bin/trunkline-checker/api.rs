//! The server API, one connection a request.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trunkline_checker::event::{Kept, Outcome, Place};

use crate::failure::{Doing, Failure};
use crate::wire::{Publication, Refused, payload};

/// Longer than the server takes to give up on an answer (10 s), so that it is the one to say so.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the server calls a temporary trouble of its own: the message may be published all the same.
pub(crate) const INTERNAL_ERROR: u32 = 100;

/// Publications asked for in one page of history.
const PAGE: u64 = 5_000;

/// The server API of one server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

/// Why there is no answer.
enum Unanswered {
    /// The request cannot have been read.
    NotSent(std::io::Error),
    /// It may have been.
    Lost(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    result: Option<Found>,
    error: Option<Refused>,
}

/// A position, and publications where there are any.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Found {
    epoch: String,
    offset: u64,
    tag: Option<String>,
    publications: Vec<Publication>,
}

impl Found {
    fn place(&self) -> Place {
        Place { epoch: self.epoch.clone(), offset: self.offset, tag: self.tag.clone() }
    }
}

impl Api {
    /// Publishes a message.
    pub(crate) fn publish(&self, channel: &str, id: &str, padding: usize) -> Outcome {
        let data = payload(id, padding);
        match self.post("publish", &format!(r#"{{"channel":"{channel}","data":{data}}}"#)) {
            Ok(Answer { error: Some(refused), .. }) if refused.code == INTERNAL_ERROR => {
                Outcome::Unknown
            }
            Ok(Answer { error: Some(_), .. }) | Err(Unanswered::NotSent(_)) => Outcome::Refused,
            Ok(Answer { result: Some(found), .. }) => Outcome::Acknowledged(Some(found.place())),
            Ok(_) | Err(Unanswered::Lost(_)) => Outcome::Unknown,
        }
    }

    /// The place of the newest publication of a channel.
    pub(crate) fn top(&self, channel: &str) -> Result<Place, Failure> {
        self.page(channel, &json!({ "channel": channel })).map(|found| found.place())
    }

    /// All that a channel keeps, and its top.
    pub(crate) fn history(&self, channel: &str) -> Result<(Place, Vec<Kept>), Failure> {
        let mut kept: Vec<Kept> = Vec::new();
        let mut query = json!({ "channel": channel, "limit": PAGE });
        loop {
            let found = self.page(channel, &query)?;
            let top = found.place();
            let more = !found.publications.is_empty();
            kept.extend(found.publications.into_iter().map(Publication::kept));
            let last = kept.last().map_or(top.offset, |last| last.offset);
            if !more || last >= top.offset {
                return Ok((top, kept));
            }
            query["since"] = json!({ "epoch": top.epoch, "offset": last });
        }
    }

    fn page(&self, channel: &str, query: &Value) -> Result<Found, Failure> {
        let what = format!("reading the history of {channel}");
        match self.post("history", &query.to_string()) {
            Ok(Answer { result: Some(found), .. }) => Ok(found),
            Ok(Answer { error, .. }) => {
                Err(error.map_or_else(|| "an answer without a result".into(), |e| e.message))
            }
            Err(Unanswered::NotSent(error)) => Err(error.to_string()),
            Err(Unanswered::Lost(why)) => Err(why),
        }
        .doing(what)
    }

    /// Calls a method that only asks.
    ///
    /// # Errors
    /// There is no answer, or another one than was expected.
    pub(crate) fn ask<T: DeserializeOwned>(&self, method: &str, body: &str) -> Result<T, Failure> {
        match self.post(method, body) {
            Ok(answer) => Ok(answer),
            Err(Unanswered::NotSent(error)) => Err(error.to_string()),
            Err(Unanswered::Lost(why)) => Err(why),
        }
        .doing(format_args!("asking {} for {method}", self.address))
    }

    fn post<T: DeserializeOwned>(&self, method: &str, body: &str) -> Result<T, Unanswered> {
        let lost = |error: std::io::Error| Unanswered::Lost(error.to_string());
        let mut stream = TcpStream::connect(self.address).map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => Unanswered::NotSent(error),
            _ => lost(error),
        })?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(lost)?;
        let (address, key, length) = (self.address, &self.key, body.len());
        let request = format!(
            "POST /api/{method} HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).map_err(lost)?;
        let mut response = String::new();
        stream.read_to_string(&mut response).map_err(lost)?;
        read(&response).map_err(Unanswered::Lost)
    }
}

/// Reads a response that ended with its connection.
fn read<T: DeserializeOwned>(response: &str) -> Result<T, String> {
    let (head, body) = response.split_once("\r\n\r\n").ok_or("the answer was cut off")?;
    let status = head.split(' ').nth(1).unwrap_or("");
    match status {
        // A body that was cut off is no JSON.
        "200" => serde_json::from_str(body).map_err(|error| error.to_string()),
        _ => Err(format!("HTTP status {status}: {body}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let answer: Result<Answer, _> =
            read("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"result\":{\"offset\":3,\"epoch\":\"e\"}}");
        assert_eq!(answer.unwrap().result.unwrap().place(), Place::new("e", 3));
        let answer: Result<Answer, _> =
            read("HTTP/1.1 200 OK\r\n\r\n{\"error\":{\"code\":111,\"message\":\"too many\"}}");
        assert_eq!(answer.unwrap().error.unwrap().code, 111);
    }

    #[test]
    fn half_an_answer_is_none() {
        for text in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n{\"result\":{\"off"] {
            assert!(read::<Answer>(text).is_err(), "{text:?}");
        }
        assert!(read::<Answer>("HTTP/1.1 401 Unauthorized\r\n\r\n").is_err());
    }
}
