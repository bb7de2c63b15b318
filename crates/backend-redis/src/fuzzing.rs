//! A way in for the fuzzer, which gives the decoders of foreign bytes whatever it likes.

use crate::resp::{Reply, decode};
use crate::wire::{info, line, top};

/// Reads answers until there is no whole one left, and all that may be in them. A part of an answer
/// must be no answer, and none be longer than what it was read from.
pub fn answers(mut bytes: &[u8]) {
    while let Ok(Some((reply, length))) = decode(bytes) {
        assert!((1..=bytes.len()).contains(&length), "an answer of {length} bytes");
        assert_eq!(decode(&bytes[..length - 1]), Ok(None), "a part is not the whole");
        let _ = top::page(&reply, None); // It may be one.
        if let Reply::Bytes(text) = &reply {
            told(text);
        }
        bytes = &bytes[length..];
    }
}

/// Reads what is told on a line, and what other members of a channel are like.
pub fn told(bytes: &[u8]) {
    let _ = line::read(bytes); // It may be something.
    let _ = info::decode(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = top::published(text);
    }
}
