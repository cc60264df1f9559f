//! Blocks: stored as they are, or coded with a Huffman code of their own.

use crate::Distance;
use crate::bits::Bits;
use crate::huffman::{self, Code};
use crate::processor::Vectors;
use crate::runs::{self, Counts, Frequencies, Matched, Run, WORD};
use multiversion::multiversion;
use std::sync::LazyLock;

/// Longest code used: four literals and what is left of a byte fit into a word.
const LIMIT: usize = 14;
const LITERALS: usize = 256;
/// Symbol of the block's end; lengths of matches follow it.
const END: usize = 256;
const SYMBOLS: usize = 286;
const DISTANCES: usize = 6;
const LONGEST_MATCH: usize = 258;
/// Bytes that the description of the codes cannot exceed: 3 + 14 + 19 * 3 bits, and for each of
/// the symbols and distances a code of at most 7 bits with at most 7 bits behind it.
const HEADER: usize = 600;

/// Appends `bytes` as they are.
pub(crate) fn stored(bits: &mut Bits, bytes: &[u8], last: bool) {
    /// Most that one block takes; the format's limit is one less than twice that.
    const STORED: usize = 1 << 15;
    let mut parts = bytes.chunks(STORED);
    let mut part = parts.next().unwrap_or_default();
    loop {
        let next = parts.next();
        bits.reserve(8);
        bits.put((last && next.is_none()).into(), 3);
        bits.align();
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        debug_assert_eq!(usize::from(length), part.len());
        bits.append(&length.to_le_bytes());
        bits.append(&(!length).to_le_bytes());
        bits.append(part);
        match next {
            Some(next) => part = next,
            None => return,
        }
    }
}

/// What a block is coded with; its buffers are kept.
#[derive(Debug, Default)]
pub(crate) struct Coder {
    vectors: Option<Vectors>,
    /// Matches of runs too long to be [`SHORT`].
    pieces: Vec<Run>,
}

/// All codes of a block.
pub(crate) struct Codes {
    pub(crate) literals: [Code; LITERALS],
    /// Of the symbols after them: the end, and lengths of matches.
    lengths: [Code; SYMBOLS - LITERALS],
    /// Its extra bits included.
    distance: Code,
}

/// Lengths of runs that are frequent in numbers, and are counted and written for many at a time.
const SHORT: std::ops::Range<usize> = 3..6;

impl Matched<'_> {
    /// The starts of runs of each of the [`SHORT`] lengths.
    #[inline(always)]
    pub(crate) fn short_starts(self, at: usize) -> [u64; 3] {
        let starts = self.starts(at);
        let [third, fourth, fifth] = [3, 4, 5].map(|ahead| self.later(at, ahead));
        [
            starts & !third,
            starts & third & !fourth,
            starts & fourth & !fifth,
        ]
    }
}

impl Codes {
    fn new<const N: usize>(
        codes: &[Code; N],
        distance: Code,
        extra: u32,
        extra_count: u32,
    ) -> Self {
        let mut literals = [Code::default(); LITERALS];
        literals.copy_from_slice(&codes[..LITERALS]);
        let mut lengths = [Code::default(); SYMBOLS - LITERALS];
        lengths.copy_from_slice(&codes[LITERALS..SYMBOLS]);
        Codes {
            literals,
            lengths,
            distance: Code {
                bits: distance.bits | extra << distance.length,
                length: distance.length + extra_count,
            },
        }
    }

    fn end(&self) -> Code {
        self.lengths[0]
    }

    /// What a match of `length`, 3 to 258, takes, distance included: at most 14 + 5 + 1 + 1 bits.
    #[inline]
    pub(crate) fn of_match(&self, length: usize) -> Code {
        let (symbol, extra, count) = length_symbol(length);
        let Code { bits, length } = self.lengths[symbol - LITERALS];
        Code {
            bits: bits | extra << length | self.distance.bits << (length + count),
            length: length + count + self.distance.length,
        }
    }

    /// Those of the [`SHORT`] lengths.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "what vectors need")
    )]
    pub(crate) fn short(&self) -> [Code; 3] {
        [3, 4, 5].map(|length| self.of_match(length))
    }
}

/// How often matches have each symbol.
struct Matches {
    frequencies: [u32; SYMBOLS],
    /// Sum of all extra bits of lengths.
    extras: usize,
    count: usize,
}

/// What is to be coded.
struct Block<'a> {
    bytes: &'a [u8],
    matched: Matched<'a>,
    matches: &'a Matches,
    distance: Distance,
    last: bool,
}

/// Literals that are counted, about, as to count all takes as long as to code them: the code is
/// half a per cent longer than of all.
const SAMPLES: usize = 1 << 12;

impl Coder {
    pub(crate) fn new(vectors: Option<Vectors>) -> Self {
        Coder {
            vectors,
            ..Coder::default()
        }
    }

    /// Appends `bytes` as matches where they are `matched` and literals between them; stored if that does not save a
    /// 20th.
    pub(crate) fn coded(
        &mut self,
        bits: &mut Bits,
        bytes: &[u8],
        matched: Matched<'_>,
        distance: Distance,
        last: bool,
    ) {
        self.pieces.clear();
        let matches = tally(matched, &mut self.pieces);
        let literals = bytes.len() - matched.bytes();
        let every = 1 << (literals / SAMPLES).max(1).ilog2().min(3);
        let sample = count(every, bytes, matched);
        // Noise beside what is masked. Stored, it may take more than coded, by an eighth at most, but next to no time.
        if literals > SAMPLES / 2
            && runs::noise(&sample)
            && split_bits(bytes, matched) <= 9 * literals
        {
            return split(bits, bytes, matched, distance, last);
        }
        let before = bits.place();
        let block = Block {
            bytes,
            matched,
            matches: &matches,
            distance,
            last,
        };
        if !self.coded_with(&sample, every, &block, bits) {
            bits.rewind(before);
            let all = count(1, bytes, matched);
            self.coded_with(&all, 1, &block, bits);
        }
    }

    /// The same with the code that a `sample` of the literals, one of `every` bytes, suggests. Whether they are like the others.
    fn coded_with(
        &self,
        sample: &Counts,
        every: usize,
        block: &Block<'_>,
        bits: &mut Bits,
    ) -> bool {
        let &Block {
            bytes,
            matched,
            matches,
            distance,
            last,
        } = block;
        let (symbol, extra, extra_count) = distance.symbol();
        let literals = bytes.len() - matched.bytes();
        let counted: u32 = sample.iter().sum();
        // In 2^-16, as a division for every symbol takes longer.
        let share = ((literals as u64) << 16).div_ceil(u64::from(counted.max(1)));
        let of_all = |part: u32| u32::try_from((u64::from(part) * share) >> 16).unwrap_or(u32::MAX);
        let mut frequencies = matches.frequencies;
        for (frequency, &count) in frequencies.iter_mut().zip(sample) {
            // Any byte may occur in what was not looked at.
            *frequency = of_all(count) + u32::from(every > 1);
        }
        frequencies[END] = 1;
        let lengths = huffman::lengths(&frequencies, LIMIT);
        let bits_of = |counts: &[u32], lengths: &[u8]| -> u32 {
            let bits = counts.iter().zip(lengths);
            bits.map(|(count, &length)| count * u32::from(length)).sum()
        };
        let expected = of_all(bits_of(sample, &lengths)) as usize
            + bits_of(&frequencies[END..], &lengths[END..]) as usize
            + matches.extras
            + matches.count * (1 + extra_count as usize);
        // A code of all 256 literals is described by some 80 bytes.
        if expected / 8 + 80 > bytes.len() - bytes.len() / 20 {
            stored(bits, bytes, last);
            return true;
        }

        // Two distances, of which one occurs: see `huffman::lengths`.
        let mut distances = [0; DISTANCES];
        distances[symbol] = 1;
        distances[usize::from(symbol == 0)] = 1;
        // Should the samples be like nothing else, no literal takes more than the longest code.
        bits.reserve(bytes.len() * LIMIT / 8 + HEADER);
        bits.put(u64::from(last) | 2 << 1, 3);
        describe(bits, &lengths, &distances[..=symbol.max(1)]);

        let distance = huffman::codes(&distances)[symbol];
        let codes = Codes::new(&huffman::codes(&lengths), distance, extra, extra_count);
        let from = bits.place().bits();
        match self.vectors {
            Some(vectors) => vectors.put(bits, bytes, matched, &self.pieces, &codes),
            None => put(bits, bytes, matched, &codes),
        }
        bits.put(codes.end().bits.into(), codes.end().length);
        let found = bits.place().bits() - from;
        every == 1 || found <= expected + expected / 16
    }
}

/// Counts the matches, and keeps the pieces.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"))]
fn tally(matched: Matched<'_>, kept: &mut Vec<Run>) -> Matches {
    let mut matches = Matches {
        frequencies: [0; SYMBOLS],
        extras: 0,
        count: 0,
    };
    let mut next = 0;
    while next < matched.words() {
        let at = next;
        next += 1;
        let mut starts = matched.starts(at);
        if starts == 0 {
            continue;
        }
        for (length, short) in SHORT.zip(matched.short_starts(at)) {
            matches.frequencies[length_symbol(length).0] += short.count_ones();
            starts &= !short;
        }
        for bit in runs::ones(starts) {
            let run = matched.run(WORD * at + bit);
            // Nothing begins within it.
            next = next.max((run.start + run.length) / WORD);
            let mut start = run.start;
            for length in pieces(run.length) {
                let (symbol, _, count) = length_symbol(length);
                matches.frequencies[symbol] += 1;
                matches.extras += count as usize;
                kept.push(Run { start, length });
                start += length;
            }
        }
    }
    matches.count = matches.frequencies.iter().sum::<u32>() as usize;
    matches
}

/// How often each literal occurs in one of `every` bytes, a power of two up to 8: some side by side of each group of 64,
/// since neighbours are alike, and not always the same of them, as images have columns.
fn count(every: usize, bytes: &[u8], matched: Matched<'_>) -> Counts {
    let mut found = Frequencies::default();
    let window = WORD / every;
    for (at, group) in bytes.chunks(WORD).enumerate() {
        let from = (at ^ at >> 3 ^ at >> 6) % every * window;
        let looked_at = u64::MAX >> (WORD - window) << from;
        let literal = !matched.word(at) & looked_at;
        match group.first_chunk::<WORD>() {
            Some(group) if literal == looked_at => found.add(&group[from..from + window]),
            Some(_) if literal == 0 => {}
            _ => {
                let literals = runs::ones(literal).map_while(|bit| group.get(bit));
                literals.for_each(|&byte| found.add(&[byte]));
            }
        }
    }
    found.sum()
}

/// Runs that are worth a block of their own between stored ones.
fn long(matched: Matched<'_>) -> impl Iterator<Item = Run> {
    const LONG: usize = 64;
    matched.runs().filter(|run| run.length >= LONG)
}

/// What [`split`] takes.
fn split_bits(bytes: &[u8], matched: Matched<'_>) -> usize {
    // A stored block has 40 bits more than its bytes, and up to 7 to fill up; matches take up to 20 bits, and their block
    // 10.
    let saved: usize = long(matched)
        .map(|run| 8 * run.length - 57 - 20 * run.length.div_ceil(LONGEST_MATCH))
        .sum();
    (8 * bytes.len() + 47).saturating_sub(saved)
}

/// Appends long runs as matches, in the code that needs no description (RFC 1951 section 3.2.6), and what is between them as it
/// is: noise beside what is masked.
fn split(bits: &mut Bits, bytes: &[u8], matched: Matched<'_>, distance: Distance, last: bool) {
    let (symbol, extra, extra_count) = distance.symbol();
    let distance = huffman::codes(&[5; DISTANCES])[symbol];
    let codes = Codes::new(&FIXED, distance, extra, extra_count);
    let mut from = 0;
    for run in long(matched) {
        if run.start > from {
            stored(bits, &bytes[from..run.start], false);
        }
        from = run.start + run.length;
        bits.reserve(8 * (2 + run.length / LONGEST_MATCH));
        bits.put(u64::from(last && from == bytes.len()) | 1 << 1, 3);
        for length in pieces(run.length) {
            let Code { bits: code, length } = codes.of_match(length);
            bits.put(code.into(), length);
        }
        bits.put(codes.end().bits.into(), codes.end().length);
    }
    if from < bytes.len() {
        stored(bits, &bytes[from..], last);
    }
}

/// The codes that need no description.
static FIXED: LazyLock<[Code; 288]> = LazyLock::new(|| {
    huffman::codes(&std::array::from_fn(|symbol| match symbol {
        0..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    }))
});

/// Writes matches and literals.
fn put(bits: &mut Bits, bytes: &[u8], matched: Matched<'_>, codes: &Codes) {
    // Kept outside of `bits` while it is in use, which lets it live in registers.
    let mut local = std::mem::take(bits);
    let mut from = 0;
    for run in matched.runs() {
        put_literals(&mut local, &bytes[from..run.start], &codes.literals);
        from = run.start + run.length;
        for length in pieces(run.length) {
            let Code { bits, length } = codes.of_match(length);
            local.put(bits.into(), length);
        }
    }
    put_literals(&mut local, &bytes[from..], &codes.literals);
    *bits = local;
}

#[inline(always)]
fn put_literals(bits: &mut Bits, bytes: &[u8], codes: &[Code; LITERALS]) {
    let (fours, rest) = bytes.as_chunks::<4>();
    for four in fours {
        for &byte in four {
            let Code { bits: code, length } = codes[usize::from(byte)];
            bits.push(code.into(), length);
        }
        bits.flush();
    }
    for &byte in rest {
        let Code { bits: code, length } = codes[usize::from(byte)];
        bits.push(code.into(), length);
    }
    bits.flush();
}

/// Lengths of matches that make up a run, each from 3 to 258.
fn pieces(mut length: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let piece = match length {
            0 => return None,
            // No rest of 1 or 2, which no match can have.
            259 | 260 => length - 3,
            _ => length.min(LONGEST_MATCH),
        };
        length -= piece;
        Some(piece)
    })
}

/// The symbol of a match of `length`, and value and number of its extra bits.
#[inline]
fn length_symbol(length: usize) -> (usize, u32, u32) {
    const TABLE: [(usize, u32, u32); LONGEST_MATCH + 1] = {
        let mut table = [(0, 0, 0); LONGEST_MATCH + 1];
        let mut length = 3_u32;
        while (length as usize) < LONGEST_MATCH {
            let above = length - 3;
            // Eight symbols for one length each, then four for each power of two.
            let count = if above < 8 { 0 } else { above.ilog2() - 2 };
            let symbol = 257 + 4 * count + (above >> count);
            table[length as usize] = (symbol as usize, above & ((1 << count) - 1), count);
            length += 1;
        }
        table[LONGEST_MATCH] = (285, 0, 0);
        table
    };
    TABLE[length]
}

/// Describes both codes by the lengths of theirs, RFC 1951 section 3.2.7.
fn describe(bits: &mut Bits, lengths: &[u8; SYMBOLS], distances: &[u8]) {
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    // Up to the last symbol that has a code; the end always has one.
    let used = lengths
        .iter()
        .rposition(|&length| length > 0)
        .map_or(END + 1, |last| last + 1);
    let mut all = [0; SYMBOLS + DISTANCES];
    all[..used].copy_from_slice(&lengths[..used]);
    all[used..used + distances.len()].copy_from_slice(distances);
    let all = &all[..used + distances.len()];
    let mut frequencies = [0; 19];
    repeats(all, |item| frequencies[item.symbol] += 1);
    let meta = huffman::lengths(&frequencies, 7);
    let codes = huffman::codes(&meta);
    let listed = ORDER
        .iter()
        .rposition(|&symbol| meta[symbol] > 0)
        .map_or(4, |last| (last + 1).max(4));

    let small = |number: usize| number as u64;
    bits.put(small(used - 257), 5);
    bits.put(small(distances.len() - 1), 5);
    bits.put(small(listed - 4), 4);
    for &symbol in &ORDER[..listed] {
        bits.put(meta[symbol].into(), 3);
    }
    repeats(all, |item| {
        let Code { bits: code, length } = codes[item.symbol];
        bits.push(code.into(), length);
        bits.put(item.extra.into(), item.count);
    });
}

/// A symbol of the description, and value and number of its extra bits.
struct Item {
    symbol: usize,
    extra: u32,
    count: u32,
}

/// Tells code lengths with their repetitions shortened.
fn repeats(lengths: &[u8], mut tell: impl FnMut(Item)) {
    for same in lengths.chunk_by(|a, b| a == b) {
        let symbol = usize::from(same[0]);
        let once = Item {
            symbol,
            extra: 0,
            count: 0,
        };
        let mut left = same.len();
        if symbol > 0 {
            tell(once);
            left -= 1;
        }
        while left > 0 {
            // (symbol, fewest, most, extra bits)
            let (repeat, fewest, most, count) = match (symbol, left) {
                (0, 11..) => (18, 11, 138, 7),
                (0, 3..) => (17, 3, 10, 3),
                (1.., 3..) => (16, 3, 6, 2),
                _ => (symbol, 1, 1, 0),
            };
            let now = left.min(most);
            tell(Item {
                symbol: repeat,
                extra: u32::try_from(now - fewest).unwrap_or_default(),
                count,
            });
            left -= now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_lengths_are_those_of_the_standard() {
        // RFC 1951 section 3.2.5: the first length of each symbol and its extra bits.
        let table = [
            (257, 3, 0),
            (258, 4, 0),
            (264, 10, 0),
            (265, 11, 1),
            (268, 17, 1),
            (269, 19, 2),
            (272, 31, 2),
            (273, 35, 3),
            (276, 59, 3),
            (277, 67, 4),
            (280, 115, 4),
            (281, 131, 5),
            (284, 227, 5),
            (285, 258, 0),
        ];
        for (symbol, length, count) in table {
            assert_eq!(length_symbol(length), (symbol, 0, count), "{length}");
        }
        assert_eq!(length_symbol(257), (284, 30, 5));
        assert_eq!(length_symbol(12), (265, 1, 1));
    }

    #[test]
    fn runs_are_cut_into_possible_matches() {
        for length in 3..2000 {
            let pieces: Vec<_> = pieces(length).collect();
            assert_eq!(pieces.iter().sum::<usize>(), length);
            assert!(pieces.iter().all(|piece| (3..=258).contains(piece)));
        }
    }
}
