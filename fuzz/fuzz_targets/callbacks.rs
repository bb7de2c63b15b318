//! What an application answers: no panic, and to each call either the answer it wants, in bounds, or
//! none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline_callbacks::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::asked(bytes);
    fuzzing::answered(bytes);
});
