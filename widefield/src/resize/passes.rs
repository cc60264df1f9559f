//! The two passes over a frame: along rows, then along columns, each rounded to f32.

use super::weights::Weights;
use crate::number::narrow;
use multiversion::multiversion;

/// Columns that are summed together in registers.
const COLUMNS: usize = 32;

/// Rows that are summed together in registers.
pub(super) const ROWS: usize = 8;

/// Resizes up to [`ROWS`] rows of `width` pixels; `out` takes as many rows of the new width.
///
/// Every sum takes its terms from left to right, as a loop over one row would; a register holds the
/// same column of several rows.
pub(super) fn along_rows<T: Copy + Into<f64>>(
    rows: &[T],
    width: usize,
    weights: &Weights,
    scratch: &mut Vec<[f64; ROWS]>,
    out: &mut [f32],
) {
    scratch.resize(width, [0.0; ROWS]);
    for (lane, row) in rows.chunks_exact(width).enumerate() {
        for (column, &value) in scratch.iter_mut().zip(row) {
            column[lane] = value.into();
        }
    }
    filter_columns(scratch, weights, out);
}

/// One output pixel: values from the first that counts on, with their weights.
pub(super) fn weighted<T: Copy + Into<f64>>(values: &[T], weights: &[f64]) -> f32 {
    narrow(
        values
            .iter()
            .zip(weights)
            .fold(0.0, |sum, (&value, &weight)| sum + value.into() * weight),
    )
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn filter_columns(columns: &[[f64; ROWS]], weights: &Weights, out: &mut [f32]) {
    let n_out = weights.len();
    for x in 0..n_out {
        let (start, weights) = weights.get(x);
        let mut sums = [0.0; ROWS];
        for (column, &weight) in columns[start..start + weights.len()].iter().zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(column) {
                *sum += value * weight;
            }
        }
        let rounded = sums.map(narrow);
        for (row, &value) in out.chunks_exact_mut(n_out).zip(&rounded) {
            row[x] = value;
        }
    }
}

/// One row of the result from the rows `source[start..]`, each `width` long.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
pub(super) fn along_columns(
    source: &[f32],
    width: usize,
    start: usize,
    weights: &[f64],
    out: &mut [f32],
) {
    let rows = &source[start * width..(start + weights.len()) * width];
    for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
        let first = block * COLUMNS;
        let mut sums = [0.0; COLUMNS];
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
