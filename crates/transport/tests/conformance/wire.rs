//! A client's bytes, and what a decoder makes of them.

use std::ops::ControlFlow;

use flate2::{Compress, Compression, FlushCompress};
use trunkline_transport::{Decoder, Event, FrameError, FrameLimits, Inflater};

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;

/// Roomy enough for every case that is not about limits.
pub(crate) const LIMITS: FrameLimits = FrameLimits { max_frame: 16 << 20, max_message: 16 << 20 };

/// A masked frame. `first` is the whole first byte: FIN, reserved bits, opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, [0x37, 0xFA, 0x21, 0x3D])
}

pub(crate) fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// A close frame's payload.
pub(crate) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// What a client's compressor makes of a message: raw deflate without the flush's tail.
pub(crate) fn deflate(payload: &[u8], window_bits: u8) -> Vec<u8> {
    let mut compressor = Compress::new_with_window_bits(Compression::default(), false, window_bits);
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 8 + 64);
    compressor.compress_vec(payload, &mut out, FlushCompress::Sync).expect("sound parameters");
    assert!(out.ends_with(&[0, 0, 0xFF, 0xFF]) && out.len() < out.capacity());
    out.truncate(out.len() - 4);
    out
}

/// An event that outlives the read buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

pub(crate) fn text(payload: &str) -> Seen {
    Seen::Text(payload.into())
}

pub(crate) fn binary(payload: &[u8]) -> Seen {
    Seen::Binary(payload.into())
}

pub(crate) fn ping(payload: &[u8]) -> Seen {
    Seen::Ping(payload.into())
}

pub(crate) fn pong(payload: &[u8]) -> Seen {
    Seen::Pong(payload.into())
}

pub(crate) fn closed(code: u16, reason: &str) -> Seen {
    Seen::Close(Some((code, reason.into())))
}

/// All events, and whether the bytes were refused.
pub(crate) type Outcome = (Vec<Seen>, Result<(), FrameError>);

/// One connection's decoder with what it has told so far.
pub(crate) struct Client {
    decoder: Decoder,
    inflater: Inflater,
    limits: FrameLimits,
    seen: Vec<Seen>,
}

impl Client {
    pub(crate) fn new(compressed: bool, limits: FrameLimits) -> Self {
        let (decoder, inflater) = (Decoder::new(compressed), Inflater::new());
        Self { decoder, inflater, limits, seen: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        let seen = &mut self.seen;
        self.decoder.feed(&mut bytes.to_vec(), &self.limits, &mut self.inflater, &mut |event| {
            seen.push(match event {
                Event::Text(payload) => text(payload),
                Event::Binary(payload) => binary(payload),
                Event::Ping(payload) => ping(payload),
                Event::Pong(payload) => pong(payload),
                Event::Close(None) => Seen::Close(None),
                Event::Close(Some((code, reason))) => closed(code, reason),
            });
            ControlFlow::Continue(())
        })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.decoder.is_idle()
    }

    /// Sends the pieces until one is refused.
    pub(crate) fn outcome<'a>(mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let result = pieces.into_iter().try_for_each(|piece| self.send(piece));
        (self.seen, result)
    }
}

/// A decoder's configuration, which a case is checked under.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) compressed: bool,
    pub(crate) limits: FrameLimits,
}

pub(crate) const PLAIN: Setting = Setting { compressed: false, limits: LIMITS };
pub(crate) const COMPRESSED: Setting = Setting { compressed: true, limits: LIMITS };

impl Setting {
    /// The client's frames give exactly these events and are not refused.
    #[track_caller]
    pub(crate) fn accepts(self, frames: &[Vec<u8>], events: &[Seen]) {
        self.check(frames, events, Ok(()));
    }

    /// The client's frames give exactly these events before they are refused.
    #[track_caller]
    pub(crate) fn refuses(self, frames: &[Vec<u8>], events: &[Seen], error: FrameError) {
        self.check(frames, events, Err(error));
    }

    #[track_caller]
    fn check(self, frames: &[Vec<u8>], events: &[Seen], result: Result<(), FrameError>) {
        let bytes = frames.concat();
        let expected = (events.to_vec(), result);
        let client = || Client::new(self.compressed, self.limits);
        assert_eq!(client().outcome([&bytes[..]]), expected, "whole");
        assert_eq!(client().outcome(bytes.chunks(1)), expected, "byte by byte");
        for cut in cuts(bytes.len()) {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(client().outcome([head, tail]), expected, "cut at {cut}");
        }
    }
}

/// Every place to cut at; of long inputs both ends, where the headers are, and a sample.
fn cuts(len: usize) -> Vec<usize> {
    if len <= 2048 {
        return (1..len).collect();
    }
    (1..16).chain((16..len - 16).step_by(len / 16)).chain(len - 16..len).collect()
}
