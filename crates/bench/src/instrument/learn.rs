//! Learns from a running server which bytes it sends, by being one client of it.

use std::net::SocketAddr;

use crate::error::BenchError;
use crate::instrument::client::Client;
use crate::instrument::command;
use crate::instrument::script::Script;

/// Connects, subscribes and publishes `data` once, and writes down every answer.
///
/// # Errors
/// The server does not answer in time, refuses a command, or frames its answers in a way the floor
/// could not repeat.
pub(crate) fn script(address: SocketAddr, path: &str, data: &str) -> Result<Script, BenchError> {
    let (mut client, upgrade) = Client::open(address, path)?;
    let connect_reply = client.ask(&command::connect())?;
    let subscribe_reply = client.ask(&command::subscribe(0))?;
    let first = client.ask(&command::publish(0, data))?;
    let second = client.text()?;
    // Which of the two comes first is the server's choice.
    let (publish_reply, publication) =
        if first.starts_with(r#"{"id""#) { (first, second) } else { (second, first) };
    if !publication.starts_with(r#"{"push""#) {
        return Err(BenchError::Protocol(format!("{publication} instead of a publication")));
    }
    for reply in [&connect_reply, &subscribe_reply, &publish_reply] {
        if !reply.starts_with(r#"{"id""#) || reply.contains(r#""error""#) {
            return Err(BenchError::Protocol(format!("{reply} instead of a reply")));
        }
    }
    Ok(Script { upgrade, connect_reply, subscribe_reply, publish_reply, publication })
}
