//! The two passes over a frame: along rows, then along columns, each rounded to f32.

use super::weights::Weights;
use crate::number::narrow;
use multiversion::multiversion;

/// Columns that are summed together in registers.
const LANES: usize = 32;

/// Resizes every row: `source` has rows of `width`, `out` rows of `weights.len()`.
pub(super) fn along_rows<T: Copy + Into<f64>>(row: &[T], weights: &Weights, out: &mut [f32]) {
    for (x, out) in out.iter_mut().enumerate() {
        let (start, weights) = weights.get(x);
        let mut sum = 0.0;
        for (&value, &weight) in row[start..start + weights.len()].iter().zip(weights) {
            sum += value.into() * weight;
        }
        *out = narrow(sum);
    }
}

/// One row of the result from the rows `source[start..]` below it, each `width` long.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
pub(super) fn along_columns(
    source: &[f32],
    width: usize,
    start: usize,
    weights: &[f64],
    out: &mut [f32],
) {
    let rows = &source[start * width..(start + weights.len()) * width];
    for (block, out) in out.chunks_mut(LANES).enumerate() {
        let first = block * LANES;
        let mut sums = [0.0; LANES];
        let sums = &mut sums[..out.len()];
        for (row, &weight) in rows.chunks_exact(width).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(&row[first..]) {
                *sum += f64::from(value) * weight;
            }
        }
        for (out, &sum) in out.iter_mut().zip(sums.iter()) {
            *out = narrow(sum);
        }
    }
}
