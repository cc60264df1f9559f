//! Blocks of a stream, and whole streams of arrays.

use crate::adler::adler32;
use crate::bits::Bits;
use crate::block::{self, Coder};
use crate::processor::Vectors;
use crate::runs::{self, Matched, Runs};

/// Compresses into blocks of one stream; keeps its buffers, so one for each thread serves all arrays.
///
/// [`Deflater::zlib_planes`] and [`Deflater::zlib`] make a whole stream. For one that several threads make in pieces,
/// [`Deflater::deflate`] appends blocks and [`Deflater::flush`] ends a piece where the next one may follow:
///
/// ```
/// use widefield_deflate::{Deflater, Distance, adler32, adler32_combine};
///
/// let numbers: Vec<u8> = (0..1000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
/// let (first, second) = numbers.split_at(2000);
///
/// let mut stream = vec![0x78, 0x01]; // the header of zlib
/// let mut deflater = Deflater::new();
/// deflater.deflate(first, Distance::Four, false);
/// deflater.flush();
/// stream.extend(deflater.as_slice());
/// deflater.clear();
/// deflater.deflate(second, Distance::Four, true);
/// deflater.align();
/// stream.extend(deflater.as_slice());
/// let sum = adler32_combine(adler32(first), adler32(second), second.len());
/// stream.extend(sum.to_be_bytes());
///
/// assert_eq!(miniz_oxide::inflate::decompress_to_vec_zlib(&stream).unwrap(), numbers);
/// ```
#[derive(Debug)]
pub struct Deflater {
    bits: Bits,
    runs: Runs,
    coder: Coder,
    vectors: Option<Vectors>,
    /// Blocks of one number that were made last.
    constants: Vec<Constant>,
}

/// The bits of a block, not the stream's last one, that is one number over and over.
#[derive(Debug)]
struct Constant {
    number: Vec<u8>,
    length: usize,
    distance: Distance,
    bits: Bits,
}

/// Whether all bytes equal those one distance before.
fn repeats(block: &[u8], distance: Distance) -> bool {
    let step = distance.bytes();
    block[step..] == block[..block.len() - step]
}

impl Default for Deflater {
    fn default() -> Self {
        Self::with(Vectors::detect())
    }
}

impl Deflater {
    /// With the widest instructions that this processor has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With portable code alone, which gives the same bytes: to compare, and to rule a fault of the other out.
    #[must_use]
    pub fn portable() -> Self {
        Self::with(None)
    }

    fn with(vectors: Option<Vectors>) -> Self {
        Deflater {
            bits: Bits::default(),
            runs: Runs::default(),
            coder: Coder::new(vectors),
            vectors,
            constants: Vec::new(),
        }
    }

    /// A whole zlib stream (RFC 1950) of shuffled numbers of `size` bytes: first the first bytes of all numbers, then all
    /// second ones, and so on, as [`shuffle`](crate::shuffle) and the filter of that name of HDF5 make them.
    ///
    /// Each plane gets blocks of its own. Bytes beyond a multiple of `size` follow as they are; a `size` of 0 or 1 is one
    /// plane.
    ///
    /// ```
    /// use widefield_deflate::{Deflater, shuffle};
    ///
    /// let numbers: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
    /// let mut planes = vec![0; numbers.len()];
    /// shuffle(&numbers, 4, &mut planes);
    /// let mut deflater = Deflater::new();
    /// let stream = deflater.zlib_planes(&planes, 4);
    /// assert!(stream.len() < numbers.len() / 3);
    /// assert_eq!(miniz_oxide::inflate::decompress_to_vec_zlib(stream).unwrap(), planes);
    /// ```
    pub fn zlib_planes(&mut self, planes: &[u8], size: usize) -> &[u8] {
        let plane = planes.len() / size.max(1);
        let (whole, rest) = planes.split_at(plane * size.max(1));
        let parts = whole.chunks(plane.max(1)).chain([rest]);
        self.zlib_of(
            planes,
            parts.filter(|part| !part.is_empty()),
            Distance::Byte,
        )
    }

    /// A whole zlib stream (RFC 1950) of numbers one after the other, which repeat at the one `distance`.
    pub fn zlib(&mut self, numbers: &[u8], distance: Distance) -> &[u8] {
        self.zlib_of(numbers, std::iter::once(numbers), distance)
    }

    fn zlib_of<'a>(
        &mut self,
        all: &[u8],
        parts: impl Iterator<Item = &'a [u8]>,
        distance: Distance,
    ) -> &[u8] {
        self.clear();
        // Deflate with a window of 32 KiB, fastest.
        self.bits.append(&[0x78, 0x01]);
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            self.deflate(&[], distance, true);
        }
        while let Some(part) = parts.next() {
            self.deflate(part, distance, parts.peek().is_none());
        }
        self.align();
        self.bits.append(&adler32(all).to_be_bytes());
        self.as_slice()
    }

    /// Forgets the stream made so far.
    pub fn clear(&mut self) {
        self.bits.clear();
    }

    /// The whole bytes made so far; all there is after [`Deflater::align`] or [`Deflater::flush`].
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bits.as_slice()
    }

    /// Appends `bytes` as blocks of raw deflate (RFC 1951), the last of which ends the stream if `last`; then nothing may follow
    /// but [`Deflater::align`].
    ///
    /// All matches have the one `distance`. They never reach before `bytes`, so calls are
    /// independent of each other. No bytes make no block, or an empty one if `last`.
    pub fn deflate(&mut self, bytes: &[u8], distance: Distance, last: bool) {
        if bytes.is_empty() && last {
            block::stored(&mut self.bits, bytes, true);
        }
        let mut blocks = bytes.chunks(distance.block()).peekable();
        while let Some(block) = blocks.next() {
            let last = last && blocks.peek().is_none();
            let look = runs::look(block, distance, self.vectors);
            if look.noise {
                block::stored(&mut self.bits, block, last);
            } else if look.constant && !last && repeats(block, distance) {
                self.constant(block, distance);
            } else {
                let matched = match look.repeats {
                    true => self.runs.find(block, distance, self.vectors),
                    false => Matched::NOTHING,
                };
                self.coder
                    .coded(&mut self.bits, block, matched, distance, last);
            }
        }
    }

    /// Appends a block of one number over and over, as it was made before if it was: widened numbers have whole planes of
    /// 0, and masks are wide.
    fn constant(&mut self, block: &[u8], distance: Distance) {
        /// Different ones that are kept.
        const KEPT: usize = 4;
        let number = &block[..distance.bytes()];
        let same = |known: &&Constant| {
            (known.length, known.distance) == (block.len(), distance) && known.number == number
        };
        if let Some(known) = self.constants.iter().find(same) {
            return self.bits.append_bits(&known.bits);
        }
        let mut bits = Bits::default();
        let matched = self.runs.find(block, distance, self.vectors);
        self.coder.coded(&mut bits, block, matched, distance, false);
        self.bits.append_bits(&bits);
        bits.shrink();
        self.constants.truncate(KEPT - 1);
        self.constants.insert(
            0,
            Constant {
                number: number.to_vec(),
                length: block.len(),
                distance,
                bits,
            },
        );
    }

    /// Ends at a byte boundary after the last block of the stream.
    pub fn align(&mut self) {
        self.bits.align();
    }

    /// Ends at a byte boundary, from which other blocks may go on: by zlib's sync flush, an empty
    /// stored block, unless the stream is there already.
    pub fn flush(&mut self) {
        if !self.bits.aligned() {
            block::stored(&mut self.bits, &[], false);
        }
    }
}

/// How far back bytes repeat: by the size of a number where numbers stand one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distance {
    /// In a plane of shuffled bytes.
    Byte,
    /// In numbers of 2 bytes.
    Two,
    /// In numbers of 4 bytes.
    Four,
    /// In numbers of 8 bytes.
    Eight,
}

impl Distance {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Distance::Byte => 1,
            Distance::Two => 2,
            Distance::Four => 4,
            Distance::Eight => 8,
        }
    }

    /// Least length of a match. In a plane the bytes of runs are cheap to code one by one.
    pub(crate) fn least(self) -> usize {
        match self {
            Distance::Byte => 4,
            Distance::Two | Distance::Four | Distance::Eight => 3,
        }
    }

    /// Bytes of a block, for each of which a code is made anew. A plane changes with the light on its pixels: of 64 KiB
    /// it takes 3 % more.
    pub(crate) fn block(self) -> usize {
        match self {
            Distance::Byte => 1 << 15,
            Distance::Two | Distance::Four | Distance::Eight => 1 << 16,
        }
    }

    /// Symbol of the format, and the value and number of its extra bits.
    pub(crate) fn symbol(self) -> (usize, u32, u32) {
        match self {
            Distance::Byte => (0, 0, 0),
            Distance::Two => (1, 0, 0),
            Distance::Four => (3, 0, 0),
            Distance::Eight => (5, 1, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest block.
    const BLOCK: usize = 1 << 15;

    const DISTANCES: [Distance; 4] = [
        Distance::Byte,
        Distance::Two,
        Distance::Four,
        Distance::Eight,
    ];

    /// Pseudo-random bytes.
    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32).to_le_bytes()[0]
            })
            .collect()
    }

    fn packed(parts: &[(&[u8], Distance)], flush: bool, vectors: Option<Vectors>) -> Vec<u8> {
        let mut deflater = Deflater::with(vectors);
        for (at, &(part, distance)) in parts.iter().enumerate() {
            deflater.deflate(part, distance, at + 1 == parts.len());
            if flush && at + 1 < parts.len() {
                deflater.flush();
            }
        }
        deflater.align();
        deflater.as_slice().to_vec()
    }

    /// Two readers that share no code, one of which knows where the stream ends. The same stream on all processors.
    fn check(parts: &[(&[u8], Distance)], flush: bool) -> usize {
        let stream = packed(parts, flush, None);
        assert!(packed(parts, flush, Vectors::detect()) == stream, "vectors");
        let plain: Vec<u8> = parts.iter().flat_map(|(part, _)| *part).copied().collect();
        let back = miniz_oxide::inflate::decompress_to_vec(&stream).unwrap();
        assert!(back == plain, "miniz_oxide, {} bytes", plain.len());
        let mut back = vec![0; plain.len()];
        let length = libdeflater::Decompressor::new()
            .deflate_decompress(&stream, &mut back)
            .unwrap();
        assert!(length == plain.len() && back == plain, "libdeflate");
        // Stored blocks have a header of at most 6 bytes; aligning may cost another 5.
        let most = plain.len() + 6 * (plain.len() / BLOCK) + 12 * parts.len() + 1;
        assert!(stream.len() <= most, "{} of {}", stream.len(), plain.len());
        stream.len()
    }

    #[test]
    fn lengths_around_all_limits() {
        let constant = vec![7; 3 * BLOCK];
        let noise = noise(3 * BLOCK, 1);
        let lengths = (0..40)
            .chain(250..300)
            .chain([515, 516, 517, 518, 519, 520, 775, 777])
            .chain([BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK]);
        for length in lengths {
            for distance in DISTANCES {
                check(&[(&constant[..length], distance)], false);
                check(&[(&noise[..length], distance)], false);
            }
        }
    }

    #[test]
    fn constants_and_noise_take_what_they_must() {
        let constant = vec![0; 2 * BLOCK];
        assert!(check(&[(&constant, Distance::Byte)], false) < 200);
        let noise = noise(2 * BLOCK, 3);
        let stored = noise.len() + 2 * 5;
        assert_eq!(check(&[(&noise, Distance::Byte)], false), stored);
    }

    #[test]
    fn constants_are_the_same_bits_again() {
        let mut deflater = Deflater::default();
        // More numbers than are kept, the first ones again.
        let numbers = [0, 1, 2, 0, 3, 4, 5, 0, 0, 1];
        let bytes: Vec<u8> = numbers.iter().flat_map(|&n| [n; 1 << 15]).collect();
        for start in 0..3 {
            deflater.clear();
            // Off the boundary of a byte, and further off with each block.
            deflater.deflate(&bytes[..start], Distance::Byte, false);
            deflater.deflate(&bytes, Distance::Byte, true);
            deflater.align();
            let stream = deflater.as_slice();
            let back = miniz_oxide::inflate::decompress_to_vec(stream).unwrap();
            assert!(back[start..] == bytes, "{start}");
            assert!(stream.len() < 600, "{}", stream.len());
            let once = packed(
                &[(&bytes[..start], Distance::Byte), (&bytes, Distance::Byte)],
                false,
                None,
            );
            assert!(stream == once, "{start}");
        }
    }

    #[test]
    fn samples_unlike_the_rest_are_found_out() {
        // Whatever eight of 64 bytes are counted, some of these have two values in just those, and 64 in all others.
        let noise = noise(1 << 16, 7);
        for odd in 0..8 {
            let bytes: Vec<u8> = noise
                .iter()
                .enumerate()
                .map(|(at, &byte)| {
                    let group = at / 64;
                    let few = at % 64 / 8 == (group ^ group >> 3 ^ group >> 6 ^ odd) % 8;
                    // No byte is that of the one before.
                    let parity = u8::from(at % 2 == 1);
                    2 * if few { 100 + byte % 2 } else { byte % 32 } + parity
                })
                .collect();
            // 5.4 bits of 8, if all are counted; the bits of odd and even places are not seen.
            let size = check(&[(&bytes, Distance::Byte)], false);
            assert!(size < 51_000, "{odd}: {size}");
        }
    }

    #[test]
    fn noise_beside_a_mask_is_stored_and_the_mask_is_not() {
        let noise = noise(1 << 16, 9);
        for (distance, width) in [
            (Distance::Byte, 700),
            (Distance::Four, 1000),
            (Distance::Eight, 800),
        ] {
            let masked = |at: usize| at % 2048 < width;
            let bytes: Vec<u8> = (0..noise.len())
                .map(|at| {
                    if masked(at) {
                        [0, 0, 192, 127][at % 4 * usize::from(distance != Distance::Byte)]
                    } else {
                        noise[at]
                    }
                })
                .collect();
            let size = check(&[(&bytes, distance)], false);
            let kept = (0..bytes.len()).filter(|&at| !masked(at)).count();
            assert!(
                (kept..kept + kept / 16).contains(&size),
                "{distance:?}: {size} of {kept}"
            );
        }
    }

    #[test]
    fn a_code_cannot_grow_beyond_its_limit() {
        // Fibonacci frequencies make the deepest tree; shuffled, so that there are no runs.
        let (mut a, mut b) = (1_usize, 1);
        let mut bytes = Vec::new();
        for value in 0..22 {
            bytes.extend(std::iter::repeat_n(value * 11, a));
            (a, b) = (b, a + b);
        }
        let mut shuffled = vec![0; bytes.len()];
        let step = (0..)
            .map(|k| 7919 + 2 * k)
            .find(|step| divisor(*step, bytes.len()) == 1)
            .unwrap();
        for (at, &byte) in bytes.iter().enumerate() {
            shuffled[at * step % bytes.len()] = byte;
        }
        for distance in DISTANCES {
            check(&[(&shuffled, distance)], false);
        }
    }

    fn divisor(a: usize, b: usize) -> usize {
        if b == 0 { a } else { divisor(b, a % b) }
    }

    #[test]
    fn doubles_that_were_singles() {
        let bytes: Vec<u8> = noise(1 << 16, 5)
            .chunks_exact(2)
            .flat_map(|b| {
                (1.0 + f64::from(f32::from(b[0]) + f32::from(b[1]) / 256.0) / 2560.0).to_le_bytes()
            })
            .collect();
        let size = check(&[(&bytes, Distance::Eight)], false);
        assert!(size < bytes.len(), "{size}");
    }
}
