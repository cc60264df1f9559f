//! Any bytes, cut and repeated as the first ones of the input say, through three decoders.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/decoders.rs"]
mod decoders;

use decoders::{DISTANCES, check_planes, check_stream};

/// Blocks hold 32 or 64 KiB, far more than inputs have.
const MOST: usize = 1 << 18;

fuzz_target!(|input: &[u8]| {
    let Some((&[repeat, size, cut, kind], seed)) = input.split_first_chunk() else {
        return;
    };
    // Each stretch of 8 bytes stands so many times, up to some blocks in all.
    let times = 1 + usize::from(repeat) * usize::from(repeat) / 8;
    let bytes: Vec<u8> = seed
        .chunks(8)
        .flat_map(|stretch| stretch.repeat(times))
        .take(MOST)
        .collect();
    check_planes(&bytes, usize::from(size % 10));
    if bytes.is_empty() {
        return;
    }
    let parts = 1 + usize::from(cut % 5);
    let parts: Vec<_> = bytes
        .chunks(bytes.len().div_ceil(parts).max(1))
        .enumerate()
        .map(|(at, part)| {
            let distance = DISTANCES[(usize::from(kind) >> (2 * (at % 3))) % DISTANCES.len()];
            (part, distance, (kind >> 6 >> (at % 2)) & 1 == 1)
        })
        .collect();
    check_stream(&parts);
});
