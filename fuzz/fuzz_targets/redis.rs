//! Bytes from Redis through the decoders of its backend: no panic, and answers that end where they
//! end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline_backend_redis::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::answers(bytes);
    fuzzing::told(bytes);
});
