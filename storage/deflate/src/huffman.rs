//! Prefix codes of deflate, RFC 1951 section 3.2.2.

/// The longest code deflate has.
const LONGEST: usize = 15;
/// Bits that hold any symbol.
const SYMBOL_BITS: u32 = 16;

/// A code, to be written from its lowest bit on, and how many bits it has; 0 if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) bits: u32,
    pub(crate) length: u32,
}

impl Code {
    /// Its first 14 bits or fewer, and the rest.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "what vectors need")
    )]
    pub(crate) fn split(self) -> (Code, Code) {
        let first = self.length.min(14);
        let code = |bits, length| Code { bits, length };
        (
            code(self.bits & 0x3fff, first),
            code(self.bits >> first, self.length - first),
        )
    }
}

/// Lengths of the codes for symbols of these frequencies, none above `limit`; 0 for those
/// that do not occur.
///
/// At least two symbols get a code: not all readers take a code of one symbol.
pub(crate) fn lengths<const N: usize>(frequencies: &[u32; N], limit: usize) -> [u8; N] {
    // Frequency and symbol in one number, which is sorted faster than a pair. No memory is asked for here: blocks
    // are many, and threads would wait for each other.
    let mut keys = [0_u64; N];
    let mut used = 0;
    let present = (0_u64..).zip(frequencies).filter(|&(_, &n)| n > 0);
    for (symbol, &frequency) in present {
        keys[used] = u64::from(frequency) << SYMBOL_BITS | symbol;
        used += 1;
    }
    let absent = (0_u64..).zip(frequencies).filter(|&(_, &n)| n == 0);
    let missing = 2_usize.saturating_sub(used);
    for (symbol, _) in absent.take(missing) {
        keys[used] = 1 << SYMBOL_BITS | symbol;
        used += 1;
    }
    let keys = &mut keys[..used];
    keys.sort_unstable();

    let mut weights = [0_u64; N];
    for (weight, key) in weights.iter_mut().zip(keys.iter()) {
        *weight = key >> SYMBOL_BITS;
    }
    let mut counts = depths::<N>(&weights[..used], limit);
    shorten(&mut counts, limit);
    let mut lengths = [0; N];
    let mut rarest = keys.iter();
    // The rarest symbols get the longest codes.
    for (length, &count) in (0..=15_u8).zip(&counts).rev() {
        for &key in rarest.by_ref().take(count) {
            let symbol = key & ((1 << SYMBOL_BITS) - 1);
            lengths[usize::try_from(symbol).unwrap_or(0)] = length;
        }
    }
    lengths
}

/// How many symbols have each depth in Huffman's tree, those below `limit` counted there. `leaves`, two to `N` of them,
/// rise.
fn depths<const N: usize>(leaves: &[u64], limit: usize) -> [usize; LONGEST + 1] {
    const NONE: u64 = u64::MAX;
    // Two queues, both rising: leaves, and inner nodes in the order they are made. Of which one takes the lighter is not
    // to be foreseen, so it is computed, not branched on.
    let (mut inner, mut parents) = ([NONE; N], [0; N]);
    let (mut leaf, mut root) = (0, 0);
    let made = leaves.len() - 1;
    for node in 0..made {
        let mut weight = 0;
        for _ in 0..2 {
            let from_leaves = leaves.get(leaf).copied().unwrap_or(NONE);
            let from_inner = inner[root];
            let take_leaf = from_leaves <= from_inner;
            weight += from_leaves.min(from_inner);
            // Written again until it is the one that is taken.
            parents[root] = node;
            leaf += usize::from(take_leaf);
            root += usize::from(!take_leaf);
        }
        inner[node] = weight;
    }
    // From parents to depths; the root is the last, and parents come after their children.
    let depths = &mut parents[..made];
    depths[made - 1] = 0;
    for node in (0..made - 1).rev() {
        depths[node] = depths[depths[node]] + 1;
    }
    // Of the places at a depth that are no inner nodes, all are leaves.
    let mut counts = [0; LONGEST + 1];
    let (mut places, mut depth) = (1, 0);
    let mut nodes = depths.iter().rev().peekable();
    while places > 0 {
        let mut here = 0;
        while nodes.next_if(|&&node| node == depth).is_some() {
            here += 1;
        }
        counts[depth.min(limit)] += places - here;
        (places, depth) = (2 * here, depth + 1);
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
pub(crate) fn codes<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
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
