//! What a client does with what it hears: goes on with its dialogue, counts, answers pings.

use crate::error::BenchError;
use crate::instrument::connection::{Connection, Dialogue, Phase};
use crate::instrument::frame::Kind;
use crate::instrument::load::{Load, Seen, Speech};

/// What hearing a connection touches besides the connection.
pub(crate) struct Hearing<'a> {
    pub(crate) dialogue: &'a Dialogue,
    pub(crate) seen: &'a mut Seen,
    pub(crate) speeches: &'a mut Vec<Speech>,
}

/// Takes a connection through its dialogue by what it received.
pub(crate) fn hear<L: Load>(
    connection: &mut Connection,
    index: u32,
    mut bytes: &[u8],
    hearing: Hearing<'_>,
    load: &mut L,
) -> Result<(), BenchError> {
    let Hearing { dialogue, seen, speeches } = hearing;
    if connection.phase == Phase::Upgrading {
        if !connection.head.finish(&mut bytes).map_err(|error| gone(index, &error.to_string()))? {
            return Ok(());
        }
        connection.send(&dialogue.connect)?;
        connection.phase = Phase::Greeting;
    }
    while let Some(kind) = if L::ATTENTIVE {
        connection.whole.next(&mut bytes)
    } else {
        connection.reader.next(&mut bytes)
    }
    .map_err(|error| gone(index, &error.to_string()))?
    {
        if L::ATTENTIVE
            && let Some(channel) = connection.channel
        {
            load.heard(channel, connection.whole.text());
        }
        match (kind, connection.phase, connection.channel) {
            (Kind::Push, Phase::Ready, Some(channel)) => {
                load.delivered(channel, connection.received, speeches);
                connection.received += 1;
                seen.deliveries += 1;
            }
            (Kind::Reply, Phase::Ready, _) => {
                load.acknowledged(index, speeches);
                seen.replies += 1;
            }
            (Kind::Reply, Phase::Greeting, Some(channel)) => {
                connection.send(&dialogue.subscribe[usize::from(channel)])?;
                connection.phase = Phase::Subscribing;
            }
            (Kind::Reply, Phase::Greeting, None) | (Kind::Reply, Phase::Subscribing, _) => {
                connection.phase = Phase::Ready;
            }
            (Kind::Ping, _, _) => {
                if let Some(pong) = &dialogue.pong {
                    connection.send(pong)?;
                }
            }
            (Kind::Close(code), _, _) => {
                return Err(gone(index, &format!("was closed by the server with code {code}")));
            }
            (Kind::Refusal, phase, _) => {
                return Err(gone(index, &format!("had a command refused while {phase:?}")));
            }
            (Kind::Push | Kind::Reply | Kind::Foreign, phase, _) => {
                return Err(gone(index, &format!("received a {kind:?} while {phase:?}")));
            }
        }
    }
    Ok(())
}

/// A connection is of no more use, and with it the run.
pub(crate) fn gone(index: u32, what: &str) -> BenchError {
    BenchError::Protocol(format!("connection {index}: {what}"))
}
