//! Headers, footer and block table: parsed whole and from fetched pieces alike.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/exercise.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod exercise;

fuzz_target!(|bytes: &[u8]| {
    for options in exercise::options() {
        exercise::headers(bytes, &options);
    }
});
