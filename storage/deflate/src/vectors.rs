//! Inner loops for processors with [`Vectors`].
//!
//! They give the same bits as the portable ones. A code is looked up for each byte of 64 in registers, and joined to those
//! of its neighbours, four or eight bytes at a time, before it meets the stream. Bytes that a match covers have
//! codes of length 0 but for its first and second one, which carry the match's.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "calling what not every processor can do is unsafe, though nothing within is"
    )
)]

#[cfg(not(target_arch = "x86_64"))]
mod never {
    use crate::bits::Bits;
    use crate::block::Codes;
    use crate::processor::Vectors;
    use crate::runs::{Matched, Run};

    impl Vectors {
        pub(crate) fn equal_bits(self, _: &[u8], _: usize, _: &mut [u64]) {
            match self {}
        }

        pub(crate) fn put(self, _: &mut Bits, _: &[u8], _: Matched<'_>, _: &[Run], _: &Codes) {
            match self {}
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::bits::Bits;
    use crate::block::Codes;
    use crate::huffman::Code;
    use crate::processor::Vectors;
    use crate::runs::{self, Matched, Run, WORD};
    use std::arch::x86_64::*;

    impl Vectors {
        /// As `runs::equal_bits`.
        pub(crate) fn equal_bits(self, bytes: &[u8], step: usize, bits: &mut [u64]) {
            // SAFETY: `self` exists only where all features were found.
            unsafe { equal_bits(bytes, step, bits) }
        }

        /// As `block::put`.
        pub(crate) fn put(
            self,
            bits: &mut Bits,
            bytes: &[u8],
            matched: Matched<'_>,
            pieces: &[Run],
            codes: &Codes,
        ) {
            // SAFETY: as above.
            unsafe { put(bits, bytes, matched, pieces, codes) }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2")]
    fn equal_bits(bytes: &[u8], step: usize, bits: &mut [u64]) {
        let (groups, rest) = bytes.as_chunks::<WORD>();
        let before = bytes.get(WORD - step..).unwrap_or_default();
        let later = groups.get(1..).unwrap_or_default();
        let pairs = later.iter().zip(before.as_chunks::<WORD>().0);
        for (bits, (now, before)) in bits[1..].iter_mut().zip(pairs) {
            *bits = _mm512_cmpeq_epi8_mask(vector(*now), vector(*before));
        }
        runs::one_by_one(bytes, step..bytes.len().min(WORD), step, bits);
        let whole = bytes.len() - rest.len();
        runs::one_by_one(bytes, whole.max(WORD)..bytes.len(), step, bits);
    }

    #[inline(always)]
    fn vector(bytes: [u8; WORD]) -> __m512i {
        bytemuck::must_cast(bytes)
    }

    /// A code for each of 64 bytes: how many bits, the lower 8 of them, the upper ones.
    #[derive(Clone, Copy)]
    struct Group {
        lengths: __m512i,
        low: __m512i,
        high: __m512i,
    }

    /// Codes of all 256 literals, in four times 64.
    struct Table {
        lengths: [__m512i; 4],
        low: [__m512i; 4],
        high: [__m512i; 4],
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn put(bits: &mut Bits, bytes: &[u8], matched: Matched<'_>, mut pieces: &[Run], codes: &Codes) {
        let table = Table::new(&codes.literals);
        let short = codes.short().map(|code| code.split());
        let mut words = Words::default();
        // What a match that began with the last byte of the 64 before still has to say.
        let mut carried = Code::default();
        for (at, group) in bytes.chunks(WORD).enumerate() {
            let all = match group.len() {
                WORD => u64::MAX,
                length => (1 << length) - 1,
            };
            let literal = all & !matched.word(at);
            let starts = matched.starts(at);
            let end = WORD * (at + 1);
            let any = |pieces: &[Run]| pieces.first().is_some_and(|piece| piece.start < end);
            if literal | starts == 0 && carried.length == 0 && !any(pieces) {
                continue;
            }
            let mut codes_here = match group.first_chunk::<WORD>() {
                Some(group) => table.look_up(vector(*group), literal),
                None => {
                    let mut whole = [0; WORD];
                    whole[..group.len()].copy_from_slice(group);
                    table.look_up(vector(whole), literal)
                }
            };
            if carried.length > 0 {
                codes_here.set(1, carried);
                carried = Code::default();
            }
            if starts != 0 {
                for (&(first, rest), starts) in short.iter().zip(matched.short_starts(at)) {
                    if starts == 0 {
                        continue;
                    }
                    codes_here.set(starts, first);
                    if rest.length > 0 {
                        codes_here.set(starts << 1, rest);
                        if starts >> (WORD - 1) == 1 {
                            carried = rest;
                        }
                    }
                }
            }
            if any(pieces) {
                codes_here = codes_here.with(&mut pieces, at, codes, &mut carried);
            }
            codes_here.join(&mut words);
            if words.filled > WORDS - 16 {
                words.put(bits);
            }
        }
        // No match begins with the last byte.
        debug_assert_eq!(carried.length, 0);
        words.put(bits);
    }

    /// Words that wait: 16 at most of each 64 bytes.
    const WORDS: usize = 256;

    /// Codes of several bytes that wait to be appended. They wait in memory, as to take a vector to pieces costs more than
    /// to read it back.
    struct Words {
        codes: [u64; WORDS],
        lengths: [u64; WORDS],
        filled: usize,
    }

    impl Default for Words {
        fn default() -> Self {
            Words {
                codes: [0; WORDS],
                lengths: [0; WORDS],
                filled: 0,
            }
        }
    }

    impl Words {
        #[inline]
        fn push(&mut self, codes: __m512i, lengths: __m512i) {
            let place = self.filled..self.filled + 8;
            self.codes[place.clone()].copy_from_slice(&bytemuck::must_cast::<_, [u64; 8]>(codes));
            self.lengths[place].copy_from_slice(&bytemuck::must_cast::<_, [u64; 8]>(lengths));
            self.filled += 8;
        }

        /// Appends all to the stream.
        #[target_feature(enable = "bmi1,bmi2")]
        #[expect(clippy::cast_possible_truncation, reason = "of lengths, at most 56")]
        fn put(&mut self, bits: &mut Bits) {
            // Kept outside of `bits` while it is in use, which lets it live in registers.
            let mut local = std::mem::take(bits);
            let words = self.codes.iter().zip(&self.lengths);
            for (&code, &length) in words.take(self.filled) {
                local.put(code, length as u32);
            }
            *bits = local;
            self.filled = 0;
        }
    }

    impl Table {
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
        fn new(codes: &[Code; 256]) -> Self {
            let (mut lengths, mut low, mut high) = ([0; 256], [0; 256], [0; 256]);
            for (value, code) in codes.iter().enumerate() {
                [low[value], high[value], ..] = code.bits.to_le_bytes();
                [lengths[value], ..] = code.length.to_le_bytes();
            }
            Table {
                lengths: bytemuck::must_cast(lengths),
                low: bytemuck::must_cast(low),
                high: bytemuck::must_cast(high),
            }
        }

        /// The codes of the bytes that are `literal`; none for the others.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
        fn look_up(&self, bytes: __m512i, literal: u64) -> Group {
            let upper = _mm512_movepi8_mask(bytes);
            let entry = |[a, b, c, d]: [__m512i; 4]| {
                let low = _mm512_maskz_permutex2var_epi8(literal & !upper, a, bytes, b);
                let high = _mm512_permutex2var_epi8(c, bytes, d);
                _mm512_mask_mov_epi8(low, literal & upper, high)
            };
            Group {
                lengths: entry(self.lengths),
                low: entry(self.low),
                high: entry(self.high),
            }
        }
    }

    impl Group {
        /// Puts `code` where bits are set.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw")]
        fn set(&mut self, places: u64, code: Code) {
            let [low, high, ..] = code.bits.to_le_bytes().map(u8::cast_signed);
            let [length, ..] = code.length.to_le_bytes().map(u8::cast_signed);
            let put = |to, value| _mm512_mask_mov_epi8(to, places, _mm512_set1_epi8(value));
            self.lengths = put(self.lengths, length);
            self.low = put(self.low, low);
            self.high = put(self.high, high);
        }

        /// Puts the pieces of these 64 bytes, the `at`th ones, where they begin; one by one, in memory.
        #[target_feature(enable = "avx512f,avx512bw")]
        fn with(self, pieces: &mut &[Run], at: usize, codes: &Codes, carried: &mut Code) -> Self {
            let [mut lengths, mut low, mut high]: [[u8; WORD]; 3] =
                bytemuck::must_cast([self.lengths, self.low, self.high]);
            while let [piece, later @ ..] = *pieces
                && piece.start < WORD * (at + 1)
            {
                let place = piece.start % WORD;
                let (first, rest) = codes.of_match(piece.length).split();
                let mut set = |place: usize, code: Code| {
                    [low[place], high[place], ..] = code.bits.to_le_bytes();
                    [lengths[place], ..] = code.length.to_le_bytes();
                };
                set(place, first);
                if place + 1 < WORD {
                    set(place + 1, rest);
                } else {
                    *carried = rest;
                }
                *pieces = later;
            }
            Group {
                lengths: vector(lengths),
                low: vector(low),
                high: vector(high),
            }
        }

        /// Joins neighbours, none longer than 14 bits, to words of four or eight.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,bmi1,bmi2")]
        fn join(&self, words: &mut Words) {
            // Bytes 0 to 7 of each 16, and bytes 8 to 15.
            let zero = _mm512_setzero_si512();
            let (first, first_lengths) = fours(
                _mm512_unpacklo_epi8(self.low, self.high),
                _mm512_unpacklo_epi8(self.lengths, zero),
            );
            let (second, second_lengths) = fours(
                _mm512_unpackhi_epi8(self.low, self.high),
                _mm512_unpackhi_epi8(self.lengths, zero),
            );
            // Codes of 8 bytes, in every other lane, where no 8 are too long.
            let (first_eights, first_sums) = eights(first, first_lengths);
            let (second_eights, second_sums) = eights(second, second_lengths);
            let most = _mm512_set1_epi64(56);
            let too_long = _mm512_cmpgt_epi64_mask(first_sums, most)
                | _mm512_cmpgt_epi64_mask(second_sums, most);
            if too_long & 0x55 == 0 {
                let sums = _mm512_unpacklo_epi64(first_sums, second_sums);
                words.push(_mm512_unpacklo_epi64(first_eights, second_eights), sums);
                return;
            }
            // From two of each 16 bytes, and two more, to the order of the bytes: half of them, then the other.
            for order in [
                _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15),
            ] {
                words.push(
                    _mm512_permutex2var_epi64(first, order, second),
                    _mm512_permutex2var_epi64(first_lengths, order, second_lengths),
                );
            }
        }
    }

    /// Joins codes of 16 bits to those of four bytes, and sums their lengths.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn fours(codes: __m512i, lengths: __m512i) -> (__m512i, __m512i) {
        let low_16 = _mm512_set1_epi32(0xffff);
        let before = _mm512_and_si512(lengths, low_16);
        let codes = _mm512_or_si512(
            _mm512_and_si512(codes, low_16),
            _mm512_sllv_epi32(_mm512_srli_epi32::<16>(codes), before),
        );
        let lengths = _mm512_add_epi32(before, _mm512_srli_epi32::<16>(lengths));

        let low_32 = _mm512_set1_epi64(0xffff_ffff);
        let before = _mm512_and_si512(lengths, low_32);
        let codes = _mm512_or_si512(
            _mm512_and_si512(codes, low_32),
            _mm512_sllv_epi64(_mm512_srli_epi64::<32>(codes), before),
        );
        let lengths = _mm512_add_epi64(before, _mm512_srli_epi64::<32>(lengths));
        (codes, lengths)
    }

    /// Joins codes of four bytes to those of eight, in lanes 0, 2, 4, 6.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn eights(codes: __m512i, lengths: __m512i) -> (__m512i, __m512i) {
        let later = _mm512_unpackhi_epi64(codes, codes);
        let codes = _mm512_or_si512(codes, _mm512_sllv_epi64(later, lengths));
        let sums = _mm512_add_epi64(lengths, _mm512_unpackhi_epi64(lengths, lengths));
        (codes, sums)
    }
}
