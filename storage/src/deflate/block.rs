//! Blocks: stored as they are, or coded with a Huffman code of their own.

use super::bits::Bits;
use super::huffman::{self, Code};
use super::{Distance, Run};

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

/// Appends `bytes`, at most 65,535, as they are.
pub(super) fn stored(bits: &mut Bits, bytes: &[u8], last: bool) {
    bits.reserve(8);
    bits.put(last.into(), 3);
    bits.align();
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(length), bytes.len());
    bits.append(&length.to_le_bytes());
    bits.append(&(!length).to_le_bytes());
    bits.append(bytes);
}

/// Appends `bytes` as matches where the `runs` are and literals between them; stored if that
/// does not save a 20th.
pub(super) fn coded(bits: &mut Bits, bytes: &[u8], runs: &[Run], distance: Distance, last: bool) {
    let (symbol, extra, extra_count) = distance.symbol();
    let (frequencies, extras) = count(bytes, runs);
    let lengths = huffman::lengths(&frequencies, LIMIT);
    let matches: u32 = frequencies[END + 1..].iter().sum();
    let body = frequencies
        .iter()
        .zip(&lengths)
        .map(|(&frequency, &length)| frequency as usize * usize::from(length))
        .sum::<usize>()
        + extras
        + matches as usize * (1 + extra_count as usize);
    // A code of all 256 literals is described by some 80 bytes.
    if body / 8 + 80 > bytes.len() - bytes.len() / 20 {
        return stored(bits, bytes, last);
    }

    // Two distances, of which one occurs: see `huffman::lengths`.
    let mut distances = [0; DISTANCES];
    distances[symbol] = 1;
    distances[usize::from(symbol == 0)] = 1;
    bits.reserve(body / 8 + HEADER);
    bits.put(u32::from(last) | 2 << 1, 3);
    describe(bits, &lengths, &distances[..=symbol.max(1)]);

    let codes = huffman::codes(&lengths);
    let distance = huffman::codes(&distances)[symbol];
    let distance = Code {
        bits: distance.bits | extra << distance.length,
        length: distance.length + extra_count,
    };
    let mut literals = [Code::default(); LITERALS];
    literals.copy_from_slice(&codes[..LITERALS]);
    let matches = if matches > 0 {
        Some(match_codes(&codes, distance))
    } else {
        None
    };

    // Kept outside of `bits` while it is in use, which lets it live in registers.
    let mut local = std::mem::take(bits);
    let mut from = 0;
    if let Some(matches) = matches {
        for run in runs {
            put_literals(&mut local, &bytes[from..run.start], &literals);
            from = run.start + run.length;
            for length in pieces(run.length) {
                let Code { bits, length } = matches[length];
                local.put(bits, length);
            }
        }
    }
    put_literals(&mut local, &bytes[from..], &literals);
    local.put(codes[END].bits, codes[END].length);
    *bits = local;
}

/// How often each symbol occurs, and the sum of all extra bits of lengths.
fn count(bytes: &[u8], runs: &[Run]) -> ([u32; SYMBOLS], usize) {
    let mut frequencies = [0; SYMBOLS];
    // Four tables, since to raise one counter twice in a row takes long.
    let mut tables = [[0_u32; LITERALS]; 4];
    let mut literals = |bytes: &[u8]| {
        let (fours, rest) = bytes.as_chunks::<4>();
        for four in fours {
            for (table, &byte) in tables.iter_mut().zip(four) {
                table[usize::from(byte)] += 1;
            }
        }
        for &byte in rest {
            tables[0][usize::from(byte)] += 1;
        }
    };
    let (mut from, mut extras) = (0, 0);
    for run in runs {
        literals(&bytes[from..run.start]);
        from = run.start + run.length;
        for length in pieces(run.length) {
            let (symbol, _, count) = length_symbol(length);
            frequencies[symbol] += 1;
            extras += count as usize;
        }
    }
    literals(&bytes[from..]);
    for table in tables {
        for (frequency, count) in frequencies.iter_mut().zip(table) {
            *frequency += count;
        }
    }
    frequencies[END] = 1;
    (frequencies, extras)
}

#[inline(always)]
fn put_literals(bits: &mut Bits, bytes: &[u8], codes: &[Code; LITERALS]) {
    let (fours, rest) = bytes.as_chunks::<4>();
    for four in fours {
        for &byte in four {
            let Code { bits: code, length } = codes[usize::from(byte)];
            bits.push(code, length);
        }
        bits.flush();
    }
    for &byte in rest {
        let Code { bits: code, length } = codes[usize::from(byte)];
        bits.push(code, length);
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
fn length_symbol(length: usize) -> (usize, u32, u32) {
    if length == LONGEST_MATCH {
        return (285, 0, 0);
    }
    let above = length - 3;
    if above < 8 {
        return (257 + above, 0, 0);
    }
    // Four symbols to each power of two.
    let count = above.ilog2() - 2;
    let extra = above & ((1 << count) - 1);
    let symbol = 257 + 4 * count as usize + (above >> count);
    (symbol, u32::try_from(extra).unwrap_or_default(), count)
}

/// For each length what a match takes, distance included: at most 14 + 5 + 1 + 1 bits.
fn match_codes(codes: &[Code; SYMBOLS], distance: Code) -> [Code; LONGEST_MATCH + 1] {
    let mut matches = [Code::default(); LONGEST_MATCH + 1];
    for (length, code) in matches.iter_mut().enumerate().skip(3) {
        let (symbol, extra, count) = length_symbol(length);
        let Code { bits, length } = codes[symbol];
        *code = Code {
            bits: bits | extra << length | distance.bits << (length + count),
            length: length + count + distance.length,
        };
    }
    matches
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

    let small = |number: usize| u32::try_from(number).unwrap_or_default();
    bits.put(small(used - 257), 5);
    bits.put(small(distances.len() - 1), 5);
    bits.put(small(listed - 4), 4);
    for &symbol in &ORDER[..listed] {
        bits.put(meta[symbol].into(), 3);
    }
    repeats(all, |item| {
        let Code { bits: code, length } = codes[item.symbol];
        bits.push(code, length);
        bits.put(item.extra, item.count);
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
