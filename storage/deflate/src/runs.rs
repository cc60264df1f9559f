//! Where bytes equal those one distance before, and where there is nothing to be found.

use crate::Distance;
use crate::processor::Vectors;
use multiversion::multiversion;

/// Bytes that one word has bits for.
pub(crate) const WORD: usize = 64;

/// Bytes `start..start + length` equal those one distance before each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// Finds runs; keeps its buffer.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    words: Vec<u64>,
}

/// A bit for each byte of a block, set in all runs of the least length or longer, each as long as it can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matched<'a> {
    /// None at all, or all words of the block and one more, which is 0.
    words: &'a [u64],
    bytes: usize,
}

impl Runs {
    /// All runs within `bytes`, by vectors where there are some.
    pub(crate) fn find(
        &mut self,
        bytes: &[u8],
        distance: Distance,
        vectors: Option<Vectors>,
    ) -> Matched<'_> {
        let (step, least) = (distance.bytes(), distance.least());
        self.words.clear();
        self.words.resize(bytes.len().div_ceil(WORD) + 1, 0);
        bits_of_equal(bytes, step, &mut self.words, vectors);

        let bytes = match least {
            3 => keep_runs_3(&mut self.words),
            _ => keep_runs_4(&mut self.words),
        };
        Matched {
            words: &self.words,
            bytes,
        }
    }
}

#[multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"))]
fn keep_runs_3(words: &mut [u64]) -> usize {
    keep_runs::<3>(words)
}

#[multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"))]
fn keep_runs_4(words: &mut [u64]) -> usize {
    keep_runs::<4>(words)
}

/// Leaves the bits of which at least so many are side by side, and counts them. The last word is 0.
#[inline(always)]
fn keep_runs<const LEAST: u32>(words: &mut [u64]) -> usize {
    let (mut before, mut bytes) = (0, 0);
    for at in 0..words.len() - 1 {
        let (bits, next) = (words[at], words[at + 1]);
        let mut starts = bits;
        for more in 1..LEAST {
            starts &= bits >> more | next << (64 - more);
        }
        let mut matched = starts;
        for more in 1..LEAST {
            matched |= starts << more | before >> (64 - more);
        }
        words[at] = matched;
        bytes += matched.count_ones() as usize;
        before = starts;
    }
    bytes
}

impl Matched<'_> {
    /// Of a block without runs.
    pub(crate) const NOTHING: Self = Matched {
        words: &[],
        bytes: 0,
    };

    /// The bits of 64 bytes of the block.
    #[inline(always)]
    pub(crate) fn word(self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(0)
    }

    /// A bit for each byte with which a run begins.
    #[inline(always)]
    pub(crate) fn starts(self, at: usize) -> u64 {
        let before = at.checked_sub(1).map_or(0, |before| self.word(before));
        let word = self.word(at);
        word & !(word << 1 | before >> 63)
    }

    /// Bits as far as `ahead` bytes later, 1 to 63.
    #[inline(always)]
    pub(crate) fn later(self, at: usize, ahead: u32) -> u64 {
        self.word(at) >> ahead | self.word(at + 1) << (64 - ahead)
    }

    /// How many bytes runs cover.
    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }

    /// How many words have bits.
    pub(crate) fn words(self) -> usize {
        self.words.len()
    }

    /// The run that begins with byte `start`.
    #[inline(always)]
    pub(crate) fn run(self, start: usize) -> Run {
        let (mut at, before) = (start / WORD, start % WORD);
        let mut end = start + (self.word(at) >> before).trailing_ones() as usize;
        if end == WORD * (at + 1) {
            // It may go on in later words, of which the last one is 0.
            at += 1;
            while self.word(at) == u64::MAX {
                at += 1;
            }
            end = WORD * at + self.word(at).trailing_ones() as usize;
        }
        let length = end - start;
        Run { start, length }
    }

    /// All runs in order.
    pub(crate) fn runs(self) -> impl Iterator<Item = Run> {
        (0..self.words.len())
            .flat_map(move |at| ones(self.starts(at)).map(move |bit| self.run(WORD * at + bit)))
    }
}

/// The places of the bits that are set, from the lowest on.
#[inline(always)]
pub(crate) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

/// Sets a bit for each byte that equals the one `step` before; the first ones have none. All words are 0 before.
fn bits_of_equal(bytes: &[u8], step: usize, bits: &mut [u64], vectors: Option<Vectors>) {
    match vectors {
        Some(vectors) => vectors.equal_bits(bytes, step, bits),
        None => equal_bits(bytes, step, bits),
    }
}

/// [`bits_of_equal`] on any processor.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn equal_bits(bytes: &[u8], step: usize, bits: &mut [u64]) {
    let (groups, rest) = bytes.as_chunks::<WORD>();
    // Those before: none of the first 64 bytes has its own at a word of its own.
    let before = bytes.get(WORD - step..).unwrap_or_default();
    let before = before.as_chunks::<WORD>().0;
    for ((bits, now), before) in bits[1..]
        .iter_mut()
        .zip(&groups[1.min(groups.len())..])
        .zip(before)
    {
        let (now, before) = (now.as_chunks::<8>().0, before.as_chunks::<8>().0);
        let mut word = 0;
        for at in 0..8 {
            let difference = u64::from_le_bytes(now[at]) ^ u64::from_le_bytes(before[at]);
            word |= zero_bytes(difference) << (8 * at);
        }
        *bits = word;
    }
    // The first 64 bytes, and what no 64 are left of.
    one_by_one(bytes, step..bytes.len().min(WORD), step, bits);
    let whole = bytes.len() - rest.len();
    one_by_one(bytes, whole.max(WORD)..bytes.len(), step, bits);
}

/// The bits of bytes that [`equal_bits`] does not take by words.
pub(crate) fn one_by_one(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    step: usize,
    bits: &mut [u64],
) {
    for at in range {
        bits[at / WORD] |= u64::from(bytes[at] == bytes[at - step]) << (at % WORD);
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
pub(crate) struct Look {
    /// No value is much more frequent than others, and bytes do not repeat: what could be saved is not worth the
    /// search for it.
    pub(crate) noise: bool,
    /// There are matches to be found.
    pub(crate) repeats: bool,
    /// All bytes that were looked at repeat.
    pub(crate) constant: bool,
}

/// Looks at some groups of bytes of a block, a 16th of a plane's.
pub(crate) fn look(block: &[u8], distance: Distance, vectors: Option<Vectors>) -> Look {
    const SAMPLES: usize = GROUP * GROUPS;
    if block.len() < 4 * SAMPLES {
        return Look {
            noise: false,
            repeats: true,
            constant: false,
        };
    }
    let mut samples = [0; SAMPLES];
    let groups = block.chunks(block.len() / GROUPS);
    for (sample, group) in samples.as_chunks_mut::<GROUP>().0.iter_mut().zip(groups) {
        sample.copy_from_slice(&group[..GROUP]);
    }
    let mut found = Frequencies::default();
    found.add(&samples);

    let (step, least) = (distance.bytes(), distance.least());
    let mut equal = [0; SAMPLES / WORD];
    bits_of_equal(&samples, step, &mut equal, vectors);
    // The first bytes of a group are not beside those of the group before.
    let beside = (0..WORD / GROUP).fold(0, |bits, _| bits << GROUP | (0xffff << step & 0xffff));
    let (mut same, mut starts, mut constant) = (0, 0, 0);
    for equal in equal {
        let equal = equal & beside;
        let groups = (0..WORD / GROUP).map(|group| (equal ^ beside) >> (GROUP * group));
        constant += groups.filter(|differ| differ & 0xffff == 0).count();
        let mut long = equal;
        (1..least).for_each(|more| long &= equal >> more);
        same += equal.count_ones();
        starts += (long & !(long << 1)).count_ones();
    }
    Look {
        noise: noise(&found.sum()) && same < 32,
        // Of long runs few are enough; short ones hardly save more than they take to find.
        repeats: constant > 3 || starts > 12,
        constant: constant == GROUPS,
    }
}

/// How often each byte occurs.
pub(crate) type Counts = [u32; 256];

/// Whether no byte is so much more frequent than others that a code is worth its time.
///
/// Of `n` samples of uniform noise the sum of squared frequencies is n^2 / 256 + n, of 2048 with a standard deviation of
/// 1 %. A sum larger by a factor f means a collision entropy, and so at most an entropy, that is lower by log2 f
/// bits: what is taken for noise could have saved 0.42 bits of 8, or 5 %, at the most.
pub(crate) fn noise(counts: &Counts) -> bool {
    let counts = counts.iter().map(|&count| u64::from(count));
    let (samples, squares) = counts.fold((0, 0), |(samples, squares), count| {
        (samples + count, squares + count * count)
    });
    squares * 10 < (samples * samples / 256 + samples) * 13
}

/// Counts bytes, in four tables, since to raise one counter twice in a row takes long.
pub(crate) struct Frequencies([Counts; 4]);

impl Default for Frequencies {
    fn default() -> Self {
        Frequencies([[0; 256]; 4])
    }
}

impl Frequencies {
    #[inline(always)]
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let (fours, rest) = bytes.as_chunks::<4>();
        for four in fours {
            for (table, &byte) in self.0.iter_mut().zip(four) {
                table[usize::from(byte)] += 1;
            }
        }
        for (table, &byte) in self.0.iter_mut().zip(rest) {
            table[usize::from(byte)] += 1;
        }
    }

    pub(crate) fn sum(self) -> Counts {
        let [mut sum, others @ ..] = self.0;
        for table in &others {
            for (sum, count) in sum.iter_mut().zip(table) {
                *sum += count;
            }
        }
        sum
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
                for vectors in [None, Vectors::detect()] {
                    let matched = runs.find(&bytes, distance, vectors);
                    let found: Vec<_> = matched.runs().collect();
                    prop_assert_eq!(&found, &slow(&bytes, distance));
                    let covered: usize = found.iter().map(|run| run.length).sum();
                    prop_assert_eq!(matched.bytes(), covered);
                }
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
        let noisy = |bytes: &[u8]| {
            let looks = [None, Vectors::detect()].map(|v| look(bytes, Distance::Byte, v));
            assert_eq!(looks[0], looks[1]);
            looks[0].noise
        };
        assert!(noisy(&noise));
        let half: Vec<_> = noise.iter().map(|b| b / 2).collect();
        assert!(!noisy(&half));
        let twice: Vec<u8> = noise.iter().flat_map(|&b| [b, b]).collect();
        assert!(!noisy(&twice));
        assert!(!noisy(&noise[..1000]));
    }
}
