//! Numbers to planes of their bytes.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "calling what not every processor can do is unsafe, though nothing within is"
    )
)]

use crate::processor::Vectors;

/// The filter "shuffle" of HDF5 for numbers of `size` bytes: `planes` gets first the first bytes of all numbers, then
/// the second ones, and so on. Bytes beyond a multiple of `size` follow as they are; what is longer than the other stays.
///
/// ```
/// let mut planes = [0; 7];
/// widefield_deflate::shuffle(&[1, 2, 11, 12, 21, 22, 3], 2, &mut planes);
/// assert_eq!(planes, [1, 11, 21, 2, 12, 22, 3]);
/// ```
pub fn shuffle(numbers: &[u8], size: usize, planes: &mut [u8]) {
    let length = numbers.len().min(planes.len());
    let (numbers, planes) = (&numbers[..length], &mut planes[..length]);
    let size = size.max(1);
    let plane = length / size;
    let (whole, rest) = planes.split_at_mut(plane * size);
    for (byte, plane) in whole.chunks_exact_mut(plane.max(1)).enumerate() {
        let source = numbers.iter().skip(byte).step_by(size);
        plane
            .iter_mut()
            .zip(source)
            .for_each(|(to, &from)| *to = from);
    }
    rest.copy_from_slice(&numbers[plane * size..]);
}

/// As [`shuffle`] of the little-endian bytes of `numbers`, 4 each.
///
/// # Panics
/// If `planes` has not four times as many bytes as there are numbers.
pub fn shuffle_f32(numbers: &[f32], planes: &mut [u8]) {
    assert_eq!(
        planes.len(),
        4 * numbers.len(),
        "four planes of all numbers"
    );
    match Vectors::detect() {
        Some(vectors) => vectors.shuffle_f32(numbers, planes),
        None => shuffle_from::<f32, 4>(numbers, 0, planes),
    }
}

/// As [`shuffle`] of the little-endian bytes of `numbers` widened to doubles, 8 each.
///
/// # Panics
/// If `planes` has not eight times as many bytes as there are numbers.
pub fn shuffle_f32_as_f64(numbers: &[f32], planes: &mut [u8]) {
    assert_eq!(
        planes.len(),
        8 * numbers.len(),
        "eight planes of all numbers"
    );
    match Vectors::detect() {
        Some(vectors) => vectors.shuffle_f64(numbers, planes),
        None => shuffle_from::<f64, 8>(numbers, 0, planes),
    }
}

/// A number as a file holds it, little-endian.
trait Number<const N: usize>: From<f32> {
    fn bytes(self) -> [u8; N];
}

impl Number<4> for f32 {
    fn bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }
}

impl Number<8> for f64 {
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
}

/// The planes of the elements from `first` on.
fn shuffle_from<T: Number<N>, const N: usize>(elements: &[f32], first: usize, plain: &mut [u8]) {
    // One plane at a time, which the compiler turns into vectors; few elements, which stay
    // in the first cache.
    const PART: usize = 2048;
    let plane = elements.len();
    for (part, elements) in elements[first..].chunks(PART).enumerate() {
        for (byte, plane) in plain.chunks_exact_mut(plane.max(1)).enumerate() {
            let target = &mut plane[first + part * PART..][..elements.len()];
            for (target, &element) in target.iter_mut().zip(elements) {
                *target = T::from(element).bytes()[byte];
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Vectors {
    fn shuffle_f32(self, _: &[f32], _: &mut [u8]) {
        match self {}
    }

    fn shuffle_f64(self, _: &[f32], _: &mut [u8]) {
        match self {}
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::shuffle_from;
    use crate::processor::Vectors;
    use std::arch::x86_64::*;

    /// Elements taken at once, for 64 bytes of each plane.
    const TAKEN: usize = 64;

    impl Vectors {
        /// As `shuffle_from::<f32, 4>`.
        pub(crate) fn shuffle_f32(self, elements: &[f32], plain: &mut [u8]) {
            // SAFETY: `self` exists only where all features were found.
            unsafe { shuffle_f32(elements, plain) }
        }

        /// As `shuffle_from::<f64, 8>`.
        pub(crate) fn shuffle_f64(self, elements: &[f32], plain: &mut [u8]) {
            // SAFETY: as above.
            unsafe { shuffle_f64(elements, plain) }
        }
    }

    /// Places of every `step`th byte from byte `first` on, in two vectors side by side.
    fn places(step: usize, first: usize) -> __m512i {
        let places: [u8; 64] = std::array::from_fn(|at| {
            let place = (at * step + first) % 128;
            u8::try_from(place).unwrap_or_default()
        });
        bytemuck::must_cast(places)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn shuffle_f32(elements: &[f32], plain: &mut [u8]) {
        let (groups, _) = elements.as_chunks::<TAKEN>();
        let places: [__m512i; 4] = std::array::from_fn(|byte| places(4, byte));
        for (at, group) in groups.iter().enumerate() {
            let [a, b, c, d]: [__m512i; 4] = bytemuck::must_cast(*group);
            let planes = plain.chunks_exact_mut(elements.len());
            for (plane, &places) in planes.zip(&places) {
                // 32 of a and b, then 32 of c and d.
                let first = _mm512_permutex2var_epi8(a, places, b);
                let second = _mm512_permutex2var_epi8(c, places, d);
                let bytes = _mm512_mask_blend_epi32(0xff00, first, second);
                plane[TAKEN * at..][..TAKEN].copy_from_slice(bytemuck::bytes_of(&bytes));
            }
        }
        shuffle_from::<f32, 4>(elements, TAKEN * groups.len(), plain);
    }

    /// 16 singles as doubles, by eights. A function: `map` has not these features, so that a closure might be called there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn doubles(singles: __m512) -> [__m512i; 2] {
        let first = _mm512_castps512_ps256(singles);
        let second = _mm512_extractf32x8_ps::<1>(singles);
        [
            _mm512_castpd_si512(_mm512_cvtps_pd(first)),
            _mm512_castpd_si512(_mm512_cvtps_pd(second)),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    fn pick([first, second]: [__m512i; 2], places: __m512i) -> __m512i {
        _mm512_permutex2var_epi8(first, places, second)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
    fn shuffle_f64(elements: &[f32], plain: &mut [u8]) {
        /// Bytes of a double that was a single which are 0: of 52 bits behind the point 23 are in use.
        const ZERO: usize = 3;
        let (groups, _) = elements.as_chunks::<TAKEN>();
        let places: [__m512i; 8] = std::array::from_fn(|byte| places(8, byte));
        for (at, group) in groups.iter().enumerate() {
            let [a, b, c, d]: [__m512; 4] = bytemuck::must_cast(*group);
            let [a, b, c, d] = [doubles(a), doubles(b), doubles(c), doubles(d)];
            let planes = plain.chunks_exact_mut(elements.len()).skip(ZERO);
            for (plane, &places) in planes.zip(&places[ZERO..]) {
                // 16 bytes of each pair, four times over; a quarter is taken from each.
                let first = _mm512_mask_blend_epi64(0x0c, pick(a, places), pick(b, places));
                let second = _mm512_mask_blend_epi64(0xc0, pick(c, places), pick(d, places));
                let bytes = _mm512_mask_blend_epi64(0xf0, first, second);
                plane[TAKEN * at..][..TAKEN].copy_from_slice(bytemuck::bytes_of(&bytes));
            }
        }
        plain[..ZERO * elements.len()].fill(0);
        shuffle_from::<f64, 8>(elements, TAKEN * groups.len(), plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sign and exponent, all special values, and mantissas of all lengths.
    fn elements(count: u32) -> Vec<f32> {
        let bits = |i: u32| i.wrapping_mul(0x9e37_79b9) ^ i >> 3;
        let special = [
            0,
            1 << 31,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            0xffc1_2345,
            1,
            0x807f_ffff,
        ];
        let special = special.into_iter().map(f32::from_bits);
        special
            .chain((0..).map(|i| f32::from_bits(bits(i))))
            .take(count as usize)
            .collect()
    }

    /// By the definition.
    fn naive(numbers: &[u8], size: usize) -> Vec<u8> {
        (0..size)
            .flat_map(|byte| numbers.iter().skip(byte).step_by(size))
            .copied()
            .collect()
    }

    #[test]
    fn planes_hold_the_bytes_of_the_numbers() {
        for count in [0, 1, 63, 64, 65, 200, 5000] {
            let elements = elements(count);
            let singles: Vec<u8> = elements.iter().flat_map(|v| v.to_le_bytes()).collect();
            let doubles = elements.iter().flat_map(|&v| f64::from(v).to_le_bytes());
            let doubles: Vec<u8> = doubles.collect();
            let (singles_planes, doubles_planes) = (naive(&singles, 4), naive(&doubles, 8));

            // What is there before does not matter.
            let mut planes = vec![9; singles.len()];
            shuffle(&singles, 4, &mut planes);
            assert!(planes == singles_planes, "{count}");
            planes.fill(9);
            shuffle_f32(&elements, &mut planes);
            assert!(planes == singles_planes, "{count}");
            planes.fill(9);
            shuffle_from::<f32, 4>(&elements, 0, &mut planes);
            assert!(planes == singles_planes, "{count}");

            let mut planes = vec![9; doubles.len()];
            shuffle_f32_as_f64(&elements, &mut planes);
            assert!(planes == doubles_planes, "{count}");
            planes.fill(9);
            shuffle_from::<f64, 8>(&elements, 0, &mut planes);
            assert!(planes == doubles_planes, "{count}");
        }
    }
}
