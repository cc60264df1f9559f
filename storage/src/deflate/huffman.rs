//! Prefix codes of deflate, RFC 1951 section 3.2.2.

/// The longest code deflate has.
const LONGEST: usize = 15;
/// Bits that hold any symbol.
const SYMBOL_BITS: u32 = 16;

/// A code, to be written from its lowest bit on, and how many bits it has; 0 if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) bits: u32,
    pub(super) length: u32,
}

/// Lengths of the codes for symbols of these frequencies, none above `limit`; 0 for those
/// that do not occur.
///
/// At least two symbols get a code: not all readers take a code of one symbol.
pub(super) fn lengths<const N: usize>(frequencies: &[u32; N], limit: usize) -> [u8; N] {
    // Frequency and symbol in one number, which is sorted faster than a pair.
    let mut keys: Vec<u64> = (0_u64..)
        .zip(frequencies)
        .filter(|&(_, &frequency)| frequency > 0)
        .map(|(symbol, &frequency)| u64::from(frequency) << SYMBOL_BITS | symbol)
        .collect();
    let absent = (0_u64..).zip(frequencies).filter(|&(_, &n)| n == 0);
    let missing = 2_usize.saturating_sub(keys.len());
    keys.extend(
        absent
            .take(missing)
            .map(|(symbol, _)| 1 << SYMBOL_BITS | symbol),
    );
    keys.sort_unstable();
    let symbols: Vec<(u64, usize)> = keys
        .into_iter()
        .map(|key| {
            let symbol = key & ((1 << SYMBOL_BITS) - 1);
            (key >> SYMBOL_BITS, usize::try_from(symbol).unwrap_or(0))
        })
        .collect();

    let mut counts = depths(&symbols, limit);
    shorten(&mut counts, limit);
    let mut lengths = [0; N];
    let mut rarest = symbols.iter();
    // The rarest symbols get the longest codes.
    for (length, &count) in (0..=15_u8).zip(&counts).rev() {
        for &(_, symbol) in rarest.by_ref().take(count) {
            lengths[symbol] = length;
        }
    }
    lengths
}

/// How many symbols have each depth in Huffman's tree, those below `limit` counted there.
/// `symbols` are at least two, by rising frequency.
fn depths(symbols: &[(u64, usize)], limit: usize) -> [usize; LONGEST + 1] {
    let leaves = symbols.len();
    let nodes = 2 * leaves - 1;
    // Inner nodes follow the leaves in the order in which they are made, which is that of
    // their weights: two queues take the place of a heap.
    let mut weights: Vec<u64> = symbols.iter().map(|&(weight, _)| weight).collect();
    let mut parents = vec![0; nodes];
    let (mut leaf, mut inner) = (0, leaves);
    for node in leaves..nodes {
        let mut weight = 0;
        for _ in 0..2 {
            let from_leaves = leaf < leaves && (inner == node || weights[leaf] <= weights[inner]);
            let queue = if from_leaves { &mut leaf } else { &mut inner };
            weight += weights[*queue];
            parents[*queue] = node;
            *queue += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0_usize; nodes];
    let mut counts = [0; LONGEST + 1];
    // The root is the last node; parents come after their children.
    for node in (0..nodes - 1).rev() {
        depths[node] = depths[parents[node]] + 1;
        if node < leaves {
            counts[depths[node].min(limit)] += 1;
        }
    }
    counts
}

/// Lengthens codes until all fit into a tree of depth `limit`.
fn shorten(counts: &mut [usize; LONGEST + 1], limit: usize) {
    // In units of the longest code, of which 2^limit fill the tree.
    let mut used: usize = (1..=limit)
        .map(|length| counts[length] << (limit - length))
        .sum();
    while used > 1 << limit {
        let Some(length) = (1..limit).rev().find(|&length| counts[length] > 0) else {
            return; // More symbols than codes, which no alphabet here has.
        };
        // A leaf becomes a node with itself and one of the deepest leaves below it.
        counts[length] -= 1;
        counts[length + 1] += 2;
        counts[limit] -= 1;
        used -= 1;
    }
}

/// The codes of these lengths.
pub(super) fn codes<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut counts = [0_u32; LONGEST + 1];
    for &length in lengths {
        counts[usize::from(length)] += 1;
    }
    counts[0] = 0;
    let mut next = [0_u32; LONGEST + 1];
    for length in 1..=LONGEST {
        next[length] = (next[length - 1] + counts[length - 1]) << 1;
    }
    lengths.map(|length| {
        if length == 0 {
            return Code::default();
        }
        let code = &mut next[usize::from(length)];
        let length = u32::from(length);
        let bits = code.reverse_bits() >> (32 - length);
        *code += 1;
        Code { bits, length }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a complete code the sum of 2^-length is 1.
    fn full(lengths: &[u8], limit: usize) -> bool {
        let used: usize = lengths
            .iter()
            .filter(|&&length| length > 0)
            .map(|&length| 1 << (limit - usize::from(length)))
            .sum();
        used == 1 << limit
    }

    #[test]
    fn lengths_are_the_optimal_ones() {
        // Cormen et al., the example of Huffman's algorithm: 224 bits for 100 characters.
        assert_eq!(lengths(&[45, 13, 12, 16, 9, 5], 15), [1, 3, 3, 3, 4, 4]);
        assert_eq!(lengths(&[7; 8], 15), [3; 8]);
    }

    #[test]
    fn limits_hold_and_codes_stay_complete() {
        let mut fibonacci = [1_u32; 40];
        for at in 2..fibonacci.len() {
            fibonacci[at] = fibonacci[at - 1] + fibonacci[at - 2];
        }
        for limit in [6, 7, 14, 15] {
            let lengths = lengths(&fibonacci, limit);
            assert!(lengths.iter().all(|&length| usize::from(length) <= limit));
            assert!(lengths.iter().all(|&length| length > 0));
            assert!(full(&lengths, limit), "{limit}: {lengths:?}");
            assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
        }
    }

    #[test]
    fn two_symbols_at_least() {
        assert_eq!(lengths(&[0; 4], 7), [1, 1, 0, 0]);
        assert_eq!(lengths(&[0, 0, 9, 0], 7), [1, 0, 1, 0]);
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 1951 section 3.2.2: lengths of A to H and their codes.
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let expected = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        for (code, expected) in codes.iter().zip(expected) {
            let written: String = (0..code.length)
                .map(|bit| if code.bits >> bit & 1 == 1 { '1' } else { '0' })
                .collect();
            assert_eq!(written, expected);
        }
    }
}
