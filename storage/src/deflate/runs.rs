//! Where bytes equal those one distance before, and where there is nothing to be found.

use super::Distance;
use multiversion::multiversion;

/// Bytes `start..start + length` equal those one distance before each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) length: usize,
}

/// Finds runs; keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// A bit for each byte from the first that has one before it.
    equal: Vec<u64>,
    found: Vec<Run>,
}

impl Runs {
    /// All runs within `bytes`, as long as they can be, of the least length or longer, in order.
    pub(super) fn find(&mut self, bytes: &[u8], distance: Distance) -> &[Run] {
        self.found.clear();
        let (step, least) = (distance.bytes(), distance.least());
        if bytes.len() <= step {
            return &self.found;
        }
        self.compare(&bytes[step..], &bytes[..bytes.len() - step]);

        // One word of 64 bytes after the other; its bits below `done` belong to a found run.
        let (mut word, mut done) = (0, 0);
        while let [bits, next, ..] = self.equal[word..] {
            let mut starts = bits & u64::MAX << done;
            for more in 1..least {
                starts &= bits >> more | next << (64 - more);
            }
            (word, done) = (word + 1, 0);
            while starts != 0 {
                let first = starts.trailing_zeros();
                let length = (bits >> first).trailing_ones();
                let start = step + 64 * (word - 1) + first as usize;
                if first + length < 64 {
                    starts &= u64::MAX << (first + length);
                    self.found.push(Run {
                        start,
                        length: length as usize,
                    });
                    continue;
                }
                // It goes on in later words, and ends before the last one, which is 0.
                while self.equal[word] == u64::MAX {
                    word += 1;
                }
                done = self.equal[word].trailing_ones();
                let end = step + 64 * word + done as usize;
                self.found.push(Run {
                    start,
                    length: end - start,
                });
                break;
            }
        }
        &self.found
    }

    /// Sets the bits, and a word of 0 behind them.
    fn compare(&mut self, now: &[u8], before: &[u8]) {
        self.equal.clear();
        self.equal.resize(now.len() / 64, 0);
        equal_bits(now, before, &mut self.equal);
        let whole = now.len() / 64 * 64;
        let rest = now[whole..].iter().zip(&before[whole..]).enumerate();
        let rest = rest.fold(0, |bits, (at, (now, before))| {
            bits | u64::from(now == before) << at
        });
        self.equal.extend([rest, 0]);
    }
}

/// A bit for each byte of whole words of 64, set where both are the same.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn equal_bits(now: &[u8], before: &[u8], bits: &mut [u64]) {
    let words = now
        .as_chunks::<64>()
        .0
        .iter()
        .zip(before.as_chunks::<64>().0);
    for (bits, (now, before)) in bits.iter_mut().zip(words) {
        let (now, before) = (now.as_chunks::<8>().0, before.as_chunks::<8>().0);
        let mut word = 0;
        for at in 0..8 {
            let difference = u64::from_le_bytes(now[at]) ^ u64::from_le_bytes(before[at]);
            word |= zero_bytes(difference) << (8 * at);
        }
        *bits = word;
    }
}

/// A bit for each byte of `word`, set if that is 0.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The highest bit of a byte, and nothing else, is left where all its bits were 0.
    let zero = !(((word & LOW) + LOW) | word | LOW);
    // The product brings bit 8 k to bit 56 + k; no two terms fall on the same bit.
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Samples: bytes side by side, and how many such groups.
const GROUP: usize = 16;
const GROUPS: usize = 128;

/// What samples at fixed places tell about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// No value is much more frequent than others, and bytes do not repeat: what could be saved is not worth the
    /// search for it.
    pub(super) noise: bool,
    /// There are matches to be found.
    pub(super) repeats: bool,
}

/// Looks at a sixteenth of a block.
///
/// Of `n` samples of uniform noise the sum of squared frequencies is n^2 / 256 + n with a standard deviation of
/// 1 %. A sum larger by a factor f means a collision entropy, and so at most an entropy, that is lower by log2 f
/// bits: what is taken for noise could have saved 0.42 bits of 8, or 5 %, at the most.
pub(super) fn look(block: &[u8], distance: Distance) -> Look {
    const SAMPLES: u64 = (GROUP * GROUPS) as u64;
    if block.len() < 4 * GROUP * GROUPS {
        return Look {
            noise: false,
            repeats: true,
        };
    }
    let (step, least) = (distance.bytes(), distance.least());
    let mut frequencies = [0_u64; 256];
    let (mut same, mut starts) = (0, 0);
    for group in block.chunks(block.len() / GROUPS).take(GROUPS) {
        let group = &group[..GROUP];
        group
            .iter()
            .for_each(|&byte| frequencies[usize::from(byte)] += 1);
        let mut length = 0;
        for (byte, before) in group[step..].iter().zip(group) {
            length = if byte == before { length + 1 } else { 0 };
            same += u32::from(length > 0);
            starts += u32::from(length == least);
        }
    }
    let squares: u64 = frequencies.iter().map(|count| count * count).sum();
    let uniform = SAMPLES * SAMPLES / 256 + SAMPLES;
    Look {
        noise: squares * 10 < uniform * 13 && same < 32,
        repeats: starts > 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Byte by byte.
    fn slow(bytes: &[u8], distance: Distance) -> Vec<Run> {
        let step = distance.bytes();
        let mut runs = Vec::new();
        let mut at = step;
        while at < bytes.len() {
            let length = (at..bytes.len())
                .take_while(|&at| bytes[at] == bytes[at - step])
                .count();
            if length >= distance.least() {
                runs.push(Run { start: at, length });
            }
            at += length + 1;
        }
        runs
    }

    proptest! {
        #[test]
        fn runs_equal_those_found_byte_by_byte(
            stretches in prop::collection::vec((0..3_u8, 1..90_usize), 0..40),
        ) {
            let bytes: Vec<u8> = stretches
                .iter()
                .enumerate()
                .flat_map(|(at, &(kind, length))| {
                    (0..length).map(move |k| if kind == 0 { (at * 37 + k * 101 % 7).to_le_bytes()[0] } else { kind })
                })
                .collect();
            for distance in [Distance::Byte, Distance::Four, Distance::Eight] {
                let mut runs = Runs::default();
                prop_assert_eq!(runs.find(&bytes, distance), slow(&bytes, distance));
            }
        }
    }

    #[test]
    fn every_pattern_of_zero_bytes() {
        for pattern in 0..256_u64 {
            for other in [1, 0x80, 0xff] {
                let bytes: [u8; 8] =
                    std::array::from_fn(|k| if pattern >> k & 1 == 1 { 0 } else { other });
                assert_eq!(zero_bytes(u64::from_le_bytes(bytes)), pattern);
            }
        }
    }

    #[test]
    fn periods_and_few_values_are_no_noise() {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        let noise: Vec<u8> = (0..1 << 15).map(|_| next()).collect();
        assert!(look(&noise, Distance::Byte).noise);
        let half: Vec<_> = noise.iter().map(|b| b / 2).collect();
        assert!(!look(&half, Distance::Byte).noise);
        let twice: Vec<u8> = noise.iter().flat_map(|&b| [b, b]).collect();
        assert!(!look(&twice, Distance::Byte).noise);
        assert!(!look(&noise[..1000], Distance::Byte).noise);
    }
}
