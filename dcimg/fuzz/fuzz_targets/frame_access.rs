//! Parts of some frames, from the fetched ranges alone. The first six bytes of the input choose
//! the part, the rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/exercise.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod exercise;

fuzz_target!(|input: &[u8]| {
    if let Some((&numbers, bytes)) = input.split_first_chunk() {
        for options in exercise::options() {
            exercise::frame_access(bytes, &options, numbers);
        }
    }
});
