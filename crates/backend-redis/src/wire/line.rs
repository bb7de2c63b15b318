//! What is told on a line: a letter that says what it is, and the rest.

use std::sync::Arc;

use trunkline_core::identity::ClientInfo;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::signal::{NodeId, Signal};
use trunkline_core::time::WallTime;

use super::{info, record, signal};

/// What was told.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Publication(Arc<Publication>),
    Join(Arc<ClientInfo>),
    Leave(Arc<ClientInfo>),
    Signal { from: String, signal: Signal },
}

/// Reads what is told on a line; `None` if it is nothing of ours.
pub(crate) fn read(bytes: &[u8]) -> Option<Told> {
    let (&kind, rest) = bytes.split_first()?;
    match kind {
        b'p' => record::told(rest).map(Told::Publication),
        b'j' => info::decode(rest).map(Arc::new).map(Told::Join),
        b'l' => info::decode(rest).map(Arc::new).map(Told::Leave),
        b's' => {
            let end = rest.iter().position(|&byte| byte == b'\n')?;
            let from = std::str::from_utf8(&rest[..end]).ok()?.to_owned();
            Some(Told::Signal { from, signal: signal::decode(&rest[end + 1..])? })
        }
        _ => None,
    }
}

/// What is told of a message that takes no place in a stream.
pub(crate) fn announcement(message: &Message) -> Vec<u8> {
    let (kind, rest) = match message {
        Message::Join(info) => (b'j', info::encode(info)),
        Message::Leave(info) => (b'l', info::encode(info)),
        Message::Publication(publication) => {
            let Publication { data, info, tags, time, .. } = &**publication;
            return passing(data, &record::meta(info.as_ref(), tags), *time);
        }
    };
    [&[kind], &*rest].concat()
}

/// What is told of a publication in a channel that keeps nothing.
pub(crate) fn passing(data: &[u8], meta: &[u8], now: WallTime) -> Vec<u8> {
    let start = "0000000000000000";
    let head = format!("p- 0\n{start}{start}{:013} 0 {}\n", now.0, meta.len());
    [head.as_bytes(), meta, data].concat()
}

/// What a node tells others.
pub(crate) fn signal(from: &NodeId, signal: &Signal) -> Vec<u8> {
    let mut bytes = format!("s{from}\n").into_bytes();
    bytes.extend_from_slice(&signal::encode(signal));
    bytes
}
