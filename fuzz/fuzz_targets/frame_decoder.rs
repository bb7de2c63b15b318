//! A client's bytes through the frame decoder: no panic, limits kept, and the same events and
//! the same refusal however the bytes are cut into reads.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use trunkline_transport::{Decoder, Deflater, Event, FrameError, FrameLimits, Inflater};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    compressed: bool,
    max_frame: u16,
    max_message: u16,
    /// Lengths of reads, used over and over.
    reads: [u8; 4],
    sent: Vec<Sent<'a>>,
}

/// Arbitrary bytes seldom make a frame, and never one whose payload means something.
#[derive(Arbitrary, Debug)]
enum Sent<'a> {
    Bytes(&'a [u8]),
    Frame { first: u8, mask: [u8; 4], payload: &'a [u8] },
    Compressed { first: u8, window_bits: u8, payload: &'a [u8] },
}

impl Sent<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Frame { first, mask, payload } => frame(out, *first, *mask, payload),
            Self::Compressed { first, window_bits, payload } => {
                let mut compressed = Vec::new();
                Deflater::new().compress(*window_bits, payload, &mut compressed);
                frame(out, first | 0x40, [1, 2, 3, 4], &compressed);
            }
        }
    }
}

fn frame(out: &mut Vec<u8>, first: u8, mask: [u8; 4], payload: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Each event, and how it ended.
fn events<'a>(
    input: &Input<'_>,
    reads: impl Iterator<Item = &'a [u8]>,
) -> (Vec<String>, Result<(), FrameError>) {
    let limits =
        FrameLimits { max_frame: input.max_frame.into(), max_message: input.max_message.into() };
    let (mut decoder, mut inflater) = (Decoder::new(input.compressed), Inflater::new());
    let mut seen = Vec::new();
    for read in reads {
        let result = decoder.feed(&mut read.to_vec(), &limits, &mut inflater, &mut |event| {
            let (most, len) = match event {
                Event::Text(payload) => (limits.max_message, payload.len()),
                Event::Binary(payload) => (limits.max_message, payload.len()),
                Event::Ping(payload) | Event::Pong(payload) => (125, payload.len()),
                Event::Close(None) => (0, 0),
                Event::Close(Some((_, reason))) => (123, reason.len()),
            };
            assert!(len <= most, "an event of {len} bytes, {most} are allowed");
            seen.push(format!("{event:?}"));
            ControlFlow::Continue(())
        });
        if result.is_err() {
            assert!(decoder.is_idle());
            return (seen, result);
        }
    }
    (seen, Ok(()))
}

fuzz_target!(|input: Input<'_>| {
    let mut bytes = Vec::new();
    input.sent.iter().for_each(|sent| sent.write(&mut bytes));

    let whole = events(&input, std::iter::once(&bytes[..]));
    assert_eq!(events(&input, bytes.chunks(1)), whole, "byte by byte");
    let mut rest = &bytes[..];
    let cut = input.reads.iter().cycle().map_while(|len| {
        let len = usize::from(*len).max(1).min(rest.len());
        rest.split_off(..len).filter(|read| !read.is_empty())
    });
    assert_eq!(events(&input, cut), whole, "cut into reads");
});
