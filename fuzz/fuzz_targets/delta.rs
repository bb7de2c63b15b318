//! Patches: whatever a patch says, it makes no more than it may and does not panic; the patch
//! between any two payloads leads from one to the other, and is text between texts.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use trunkline_core::delta::{apply, diff};

/// Two payloads and a patch of a stranger.
#[derive(Debug, Arbitrary)]
struct Input<'a> {
    old: &'a [u8],
    new: &'a [u8],
    patch: &'a [u8],
    most: u16,
}

fuzz_target!(|input: Input<'_>| {
    let Input { old, new, patch, most } = input;
    if let Ok(made) = apply(old, patch, most.into()) {
        assert!(made.len() <= most.into());
    }
    if let Some(patch) = diff(old, new) {
        assert!(patch.len() < new.len());
        assert_eq!(apply(old, &patch, new.len()).as_deref(), Ok(new));
        assert!(apply(old, &patch, new.len() - 1).is_err());
        assert!(str::from_utf8(new).is_err() || str::from_utf8(&patch).is_ok());
    }
});
