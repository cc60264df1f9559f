//! Three decoders that share no code give back what went in.

use proptest::prelude::*;

#[path = "common/decoders.rs"]
mod decoders;

use decoders::{DISTANCES, check_planes, check_stream};

/// Stretches of noise, of few values, of one value, of repeated numbers.
fn stretch() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..12_usize, 200..600_usize, 1000..40_000_usize];
    (length, 0..7_usize, any::<u64>()).prop_map(|(length, kind, seed)| {
        let mut state = seed | 1;
        let mut bytes: Vec<u8> = Vec::with_capacity(length);
        let few = u8::try_from(seed % 7 + 1).unwrap_or(1);
        for at in 0..length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let byte = (state >> 32).to_le_bytes()[0];
            bytes.push(match kind {
                1 => byte % few,
                2 => few,
                3 if at >= 4 && byte > 40 => bytes[at - 4],
                4 if at >= 8 && byte > 90 => bytes[at - 8],
                5 if at >= 1 && byte > 30 => bytes[at - 1],
                6 if at >= 2 && byte > 50 => bytes[at - 2],
                _ => byte,
            });
        }
        bytes
    })
}

/// The least number of bytes in a block, of which each may be stored with up to 6 bytes more.
const BLOCK: usize = 1 << 15;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn streams_of_pieces(
        parts in prop::collection::vec(
            (prop::collection::vec(stretch(), 0..4), 0..DISTANCES.len(), any::<bool>()),
            1..5,
        ),
    ) {
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(stretches, distance, flush)| (stretches.concat(), DISTANCES[distance], flush))
            .collect();
        let parts: Vec<_> = parts.iter().map(|(p, d, f)| (p.as_slice(), *d, *f)).collect();
        let plain: usize = parts.iter().map(|(part, ..)| part.len()).sum();
        let stream = check_stream(&parts);
        // Aligning may cost 5 bytes more.
        let most = plain + 6 * (plain / BLOCK) + 12 * parts.len() + 1;
        prop_assert!(stream.len() <= most, "{} of {plain}", stream.len());
    }

    #[test]
    fn streams_of_planes(stretches in prop::collection::vec(stretch(), 0..6), size in 0..9_usize) {
        check_planes(&stretches.concat(), size);
    }
}
