//! Compressing and inflating: every window, and nothing beyond the limit.

use std::time::{Duration, Instant};

use flate2::{Decompress, FlushDecompress};
use proptest::collection::vec;
use proptest::prelude::*;
use trunkline_transport::deflate::InflateError;
use trunkline_transport::{Deflater, Inflater};

const LIMIT: usize = 1 << 20;

fn compressed(deflater: &mut Deflater, window_bits: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    deflater.compress(window_bits, payload, &mut out);
    out
}

/// Inflates as a client would that has only so large a window.
fn inflate_within(window_bits: u8, payload: &[u8], len: usize) -> Vec<u8> {
    let mut stream = Decompress::new_with_window_bits(false, window_bits);
    let input = [payload, &[0, 0, 0xFF, 0xFF]].concat();
    let mut out = Vec::with_capacity(len + 64);
    stream.decompress_vec(&input, &mut out, FlushDecompress::Sync).expect("valid data");
    out
}

/// Repeats itself over every distance up to 40,000 bytes, beyond the largest window.
fn far_repeating() -> Vec<u8> {
    let block: Vec<u8> =
        (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    (1..=10).flat_map(|n| block[..n * 400].repeat(2)).chain(block.repeat(10)).collect()
}

#[test]
fn every_window_gives_the_payload_back() {
    let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
    let payloads = [
        Vec::new(),
        b"x".to_vec(),
        b"Hello, hello, hello!".to_vec(),
        vec![0; 200_000],
        far_repeating(),
    ];
    for payload in &payloads {
        for window_bits in 9..=15 {
            let wire = compressed(&mut deflater, window_bits, payload);
            assert_eq!(inflater.inflate(&wire, LIMIT), Ok(&payload[..]));
            let by_client = inflate_within(window_bits, &wire, payload.len());
            assert!(by_client == *payload, "a client's window of {window_bits} bits is enough");
        }
    }
}

#[test]
fn messages_do_not_depend_on_each_other() {
    let mut deflater = Deflater::new();
    let payload = b"the same message, the same bytes";
    let first = compressed(&mut deflater, 15, payload);
    assert_eq!(compressed(&mut deflater, 15, payload), first);
}

#[test]
fn output_is_appended() {
    let mut out = b"header".to_vec();
    Deflater::new().compress(15, b"Hello", &mut out);
    assert!(out.starts_with(b"header"));
    assert_eq!(Inflater::new().inflate(&out[6..], LIMIT), Ok(&b"Hello"[..]));
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    // 10 MiB of zeros take about 10 KiB.
    let bomb = compressed(&mut Deflater::new(), 15, &vec![0; 10 << 20]);
    let mut inflater = Inflater::new();
    for limit in [0, 1, 1000, LIMIT] {
        assert_eq!(inflater.inflate(&bomb, limit), Err(InflateError::TooLarge));
    }
    let hello = compressed(&mut Deflater::new(), 15, b"Hello");
    assert_eq!(inflater.inflate(&hello, LIMIT), Ok(&b"Hello"[..]), "usable afterwards");
    assert_eq!(inflater.inflate(&hello, 5), Ok(&b"Hello"[..]));
    assert_eq!(inflater.inflate(&hello, 4), Err(InflateError::TooLarge));
}

#[test]
fn a_message_of_nothing_but_ends_takes_no_long_time() {
    // An empty final block in 2 bytes, as often as it fits: each begins a new stream.
    let ends = [&[0x03, 0x00].repeat(LIMIT / 2)[..], &[0x00]].concat();
    let begun = Instant::now();
    assert_eq!(Inflater::new().inflate(&ends, LIMIT), Ok(&[][..]));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn what_is_cut_short_is_refused() {
    let payload: Vec<u8> = (0..2000_u32).map(|i| (i % 251) as u8 ^ (i >> 3) as u8).collect();
    let wire = compressed(&mut Deflater::new(), 15, &payload);
    let mut inflater = Inflater::new();
    for len in 1..wire.len() {
        if let Ok(inflated) = inflater.inflate(&wire[..len], LIMIT) {
            panic!("{len} of {} bytes pass as {} bytes", wire.len(), inflated.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn round_trip(payload in vec(0..20_u8, 0..5000), window_bits in 9..=15_u8) {
        let wire = compressed(&mut Deflater::new(), window_bits, &payload);
        let mut inflater = Inflater::new();
        prop_assert_eq!(inflater.inflate(&wire, payload.len()), Ok(&payload[..]));
    }

    #[test]
    fn arbitrary_bytes_keep_to_the_limit(wire in vec(any::<u8>(), 0..200), limit in 0..500_usize) {
        if let Ok(inflated) = Inflater::new().inflate(&wire, limit) {
            prop_assert!(inflated.len() <= limit);
        }
    }
}
