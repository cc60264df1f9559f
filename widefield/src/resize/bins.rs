//! Whole blocks of pixels made one: their mean, rounded once.

use crate::number::{count, narrow};
use multiversion::multiversion;

/// Columns and rows of the frame that make one output pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bins {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Memory for the sums of one output row.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    whole: Vec<u32>,
    real: Vec<f64>,
}

/// Pixels that can be binned.
pub(super) trait Binned: Copy {
    /// Means of one output row from its `bins.rows` input rows, each `width` long.
    fn row(rows: &[Self], width: usize, bins: Bins, lines: &mut Lines, out: &mut [f32]);
}

impl Bins {
    /// Bins a frame whose rows have `width` pixels.
    pub(super) fn frame<T: Binned>(
        self,
        frame: &[T],
        width: usize,
        lines: &mut Lines,
        out: &mut [f32],
    ) {
        let rows = frame.chunks_exact(self.rows * width);
        for (rows, out) in rows.zip(out.chunks_exact_mut(width / self.columns)) {
            T::row(rows, width, self, lines, out);
        }
    }

    fn pixels(self) -> f64 {
        count(self.columns) * count(self.rows)
    }
}

impl Binned for u16 {
    fn row(rows: &[Self], width: usize, bins: Bins, lines: &mut Lines, out: &mut [f32]) {
        // At most 65536 rows of at most 65535 counts fit into 32 bits.
        let line = &mut lines.whole;
        line.clear();
        line.resize(width, 0);
        for row in rows.chunks_exact(width) {
            add_counts(line, row);
        }
        let pixels = bins.pixels();
        match bins.columns {
            1 => means_of::<1>(line, pixels, out),
            2 => means_of::<2>(line, pixels, out),
            4 => means_of::<4>(line, pixels, out),
            8 => means_of::<8>(line, pixels, out),
            columns => {
                for (out, bin) in out.iter_mut().zip(line.chunks_exact(columns)) {
                    let sum: f64 = bin.iter().map(|&sum| f64::from(sum)).sum();
                    *out = narrow(sum / pixels);
                }
            }
        }
    }
}

impl Binned for f32 {
    fn row(rows: &[Self], width: usize, bins: Bins, lines: &mut Lines, out: &mut [f32]) {
        let line = &mut lines.real;
        line.clear();
        line.resize(width, 0.0);
        for row in rows.chunks_exact(width) {
            add_values(line, row);
        }
        let pixels = bins.pixels();
        for (out, bin) in out.iter_mut().zip(line.chunks_exact(bins.columns)) {
            *out = narrow(bin.iter().sum::<f64>() / pixels);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn add_counts(sums: &mut [u32], row: &[u16]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum += u32::from(value);
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_values(sums: &mut [f64], row: &[f32]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum += f64::from(value);
    }
}

/// Sums of `N` neighbours over `pixels`. Whole numbers below 2^53 are exact in f64, in any order.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn means_of<const N: usize>(line: &[u32], pixels: f64, out: &mut [f32]) {
    for (out, bin) in out.iter_mut().zip(line.as_chunks::<N>().0) {
        let mut sum = 0.0;
        for &value in bin {
            sum += f64::from(value);
        }
        *out = narrow(sum / pixels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_block_of_the_largest_counts_is_exact() {
        let side = super::super::MAX_SIDE;
        let mut lines = Lines::default();
        let mut out = [0.0; 1];
        let column = vec![u16::MAX; side];
        let bins = Bins {
            columns: 1,
            rows: side,
        };
        bins.frame(&column, 1, &mut lines, &mut out);
        assert_eq!(out, [65_535.0]);
        let bins = Bins {
            columns: side,
            rows: 1,
        };
        bins.frame(&column, side, &mut lines, &mut out);
        assert_eq!(out, [65_535.0]);
    }

    #[test]
    fn means_are_rounded_once() {
        // 1 + 1 + 2 over 3: the f32 next to 4/3.
        let bins = Bins {
            columns: 3,
            rows: 1,
        };
        let mut out = [0.0; 1];
        bins.frame(&[1_u16, 1, 2], 3, &mut Lines::default(), &mut out);
        assert_eq!(out, [narrow(4.0 / 3.0)]);
    }
}
