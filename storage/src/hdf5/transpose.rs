//! Rows of frames to frames of pixels, sixteen by sixteen.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "calling what not every processor can do is unsafe, though nothing within is"
    )
)]

/// Frames, and columns, that are taken together.
pub(super) const SIDE_BY_SIDE: usize = 16;

#[cfg(not(target_arch = "x86_64"))]
impl crate::vectors::Vectors {
    #[expect(clippy::too_many_arguments, reason = "as the other one")]
    pub(super) fn across(
        self,
        _: &[f32],
        _: usize,
        _: usize,
        _: usize,
        _: usize,
        _: &mut [f32],
        _: usize,
        _: usize,
    ) {
        match self {}
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::SIDE_BY_SIDE;
    use crate::vectors::Vectors;
    use std::arch::x86_64::*;

    impl Vectors {
        /// Reads `columns` pixels, a multiple of 16, of 16 frames that are `frame` elements apart, from element `first` of
        /// `source` on. Column `x` becomes the 16 elements of pixel `start + x step` of `pixels`, frame after frame.
        /// What is from `next` on will be read after this.
        #[expect(clippy::too_many_arguments, reason = "a part of one loop")]
        pub(in super::super) fn across(
            self,
            source: &[f32],
            first: usize,
            next: usize,
            frame: usize,
            columns: usize,
            pixels: &mut [f32],
            start: usize,
            step: usize,
        ) {
            // SAFETY: `self` exists only where all features were found.
            unsafe { across(source, first, next, frame, columns, pixels, start, step) }
        }
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    #[expect(clippy::too_many_arguments, reason = "a part of one loop")]
    fn across(
        source: &[f32],
        first: usize,
        next: usize,
        frame: usize,
        columns: usize,
        pixels: &mut [f32],
        start: usize,
        step: usize,
    ) {
        let (pixels, _) = pixels.as_chunks_mut::<SIDE_BY_SIDE>();
        let pixels = pixels[start..].iter_mut().step_by(step).take(columns);
        let mut pixels = pixels.peekable();
        for column in (0..columns).step_by(SIDE_BY_SIDE) {
            let mut rows = [_mm512_setzero_ps(); SIDE_BY_SIDE];
            for (t, row) in rows.iter_mut().enumerate() {
                let place = t * frame + column;
                if let Some(next) = source.get(next + place) {
                    _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(next).cast());
                }
                let mut part = [0.0; SIDE_BY_SIDE];
                part.copy_from_slice(&source[first + place..][..SIDE_BY_SIDE]);
                *row = bytemuck::must_cast::<[f32; SIDE_BY_SIDE], _>(part);
            }
            for (row, pixel) in transposed(rows).into_iter().zip(&mut pixels) {
                *pixel = bytemuck::must_cast(row);
            }
        }
    }

    /// Element `j` of row `i` becomes element `i` of row `j`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn transposed(rows: [__m512; 16]) -> [__m512; 16] {
        // Within each quarter: pairs of rows, then pairs of those, give four columns of four rows.
        let mut quads = rows;
        for (rows, quads) in rows
            .as_chunks::<4>()
            .0
            .iter()
            .zip(quads.as_chunks_mut::<4>().0)
        {
            let [a, b, c, d] = *rows;
            let pair = |a, b| _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
            let later_pair = |a, b| _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
            let (ab, cd) = (pair(a, b), pair(c, d));
            let (later_ab, later_cd) = (later_pair(a, b), later_pair(c, d));
            *quads = [
                _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)),
                _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)),
                _mm512_castpd_ps(_mm512_unpacklo_pd(later_ab, later_cd)),
                _mm512_castpd_ps(_mm512_unpackhi_pd(later_ab, later_cd)),
            ];
        }
        // Quarter q of quads[4 k + c] holds rows 4 k to 4 k + 3 of column 4 q + c.
        let mut columns = rows;
        for c in 0..4 {
            let [a, b, d, e] = [quads[c], quads[4 + c], quads[8 + c], quads[12 + c]];
            // Quarters 0 and 2, or 1 and 3, of two.
            let (even, odd) = (
                _mm512_shuffle_f32x4::<0x88>(a, b),
                _mm512_shuffle_f32x4::<0xdd>(a, b),
            );
            let (later_even, later_odd) = (
                _mm512_shuffle_f32x4::<0x88>(d, e),
                _mm512_shuffle_f32x4::<0xdd>(d, e),
            );
            columns[c] = _mm512_shuffle_f32x4::<0x88>(even, later_even);
            columns[8 + c] = _mm512_shuffle_f32x4::<0xdd>(even, later_even);
            columns[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd, later_odd);
            columns[12 + c] = _mm512_shuffle_f32x4::<0xdd>(odd, later_odd);
        }
        columns
    }
}
