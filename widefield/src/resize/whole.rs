//! Camera counts made 2, 4 or 8 times smaller, in whole numbers.
//!
//! Away from the edges the weights are then 1, 3, 5 ... 5, 3, 1 over a power of two. Sums of 16-bit counts
//! with such weights fit into 32 bits, and those along a row also into the 24 bits of an f32, so rounding
//! between the two passes changes nothing and the order of the passes does not matter. Whole numbers
//! rounded once at the end are the same bits as the f64 sums of the definition.

use super::weights::Weights;
use multiversion::multiversion;

/// Whether the outputs `1..len - 1` of an axis have the weights 1, 3, 5 ... over `2 ratio^2`, first one at
/// `ratio i - ratio / 2`.
pub(super) fn fits(weights: &Weights, ratio: usize) -> bool {
    let rising = (0..ratio).map(|i| 2 * i + 1);
    let expected: Vec<f64> = rising
        .clone()
        .chain(rising.rev())
        .map(|weight| crate::number::count(weight) / crate::number::count(2 * ratio * ratio))
        .collect();
    let inner = 1..weights.len().saturating_sub(1);
    !inner.is_empty()
        && inner
            .into_iter()
            .all(|i| weights.get(i) == (ratio * i - ratio / 2, &expected))
}

/// One output row but for its first and last pixel, from the `2 ratio` input rows it depends on.
///
/// `line` is scratch memory of the length of an input row. Ratios other than 2, 4 and 8 leave `out` as it is.
pub(super) fn inner_row(rows: &[u16], ratio: usize, line: &mut [i32], out: &mut [f32]) {
    match ratio {
        2 => row_of_2(rows, line, out),
        4 => row_of_4(rows, line, out),
        8 => row_of_8(rows, line, out),
        _ => {}
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn row_of_2(rows: &[u16], line: &mut [i32], out: &mut [f32]) {
    add_rows::<2>(rows, line);
    add_columns::<2>(line, out);
}

#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn row_of_4(rows: &[u16], line: &mut [i32], out: &mut [f32]) {
    add_rows::<4>(rows, line);
    add_columns::<4>(line, out);
}

#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn row_of_8(rows: &[u16], line: &mut [i32], out: &mut [f32]) {
    add_rows::<8>(rows, line);
    add_columns::<8>(line, out);
}

/// Weighted sum of the rows, column by column.
#[inline(always)]
fn add_rows<const R: usize>(rows: &[u16], line: &mut [i32]) {
    /// Columns that are summed together in registers.
    const COLUMNS: usize = 64;
    let width = line.len();
    let (blocks, rest) = line.as_chunks_mut::<COLUMNS>();
    for (block, line) in blocks.iter_mut().enumerate() {
        let mut sums = [0; COLUMNS];
        for pair in 0..R {
            // The two rows that have this weight.
            let at = |row: usize| rows[row * width + block * COLUMNS..].first_chunk::<COLUMNS>();
            let (Some(above), Some(below)) = (at(pair), at(2 * R - 1 - pair)) else {
                return;
            };
            for i in 0..COLUMNS {
                sums[i] += weight(pair) * (i32::from(above[i]) + i32::from(below[i]));
            }
        }
        *line = sums;
    }
    let first = width - rest.len();
    for (x, sum) in rest.iter_mut().enumerate() {
        let at = |row: usize| i32::from(rows[row * width + first + x]);
        *sum = (0..R)
            .map(|pair| weight(pair) * (at(pair) + at(2 * R - 1 - pair)))
            .sum();
    }
}

/// Weighted sums along the line, divided by the sum of all weights.
#[inline(always)]
fn add_columns<const R: usize>(line: &[i32], out: &mut [f32]) {
    // Powers of two, so that the product is exact.
    let scale = 1.0 / narrow_count(4 * R * R * R * R);
    let n_out = out.len();
    let Some(out) = out.get_mut(1..n_out - 1) else {
        return;
    };
    let (blocks, _) = line[R / 2..].as_chunks::<R>();
    for ((out, left), right) in out.iter_mut().zip(blocks).zip(&blocks[1..]) {
        let mut sum = 0;
        for i in 0..R {
            sum += weight(i) * (left[i] + right[R - 1 - i]);
        }
        *out = sum as f32 * scale;
    }
}

/// Weight of the pixel `i` steps in from either end.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "below 16"
)]
fn weight(i: usize) -> i32 {
    2 * i as i32 + 1
}

/// A small power of two.
#[inline(always)]
fn narrow_count(n: usize) -> f32 {
    n as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_fit_and_others_do_not() {
        for ratio in [2, 4, 8] {
            assert!(fits(&Weights::triangle(ratio * 30, 30), ratio), "{ratio}");
            assert!(fits(&Weights::triangle(ratio * 3, 3), ratio), "{ratio}");
            assert!(
                !fits(&Weights::triangle(ratio * 30 + 1, 30), ratio),
                "{ratio}"
            );
            assert!(!fits(&Weights::triangle(ratio * 2, 2), ratio), "{ratio}");
        }
        assert!(!fits(&Weights::triangle(90, 30), 3));
        assert!(!fits(&Weights::triangle(30, 30), 1));
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        for ratio in [2, 4, 8] {
            let rows = vec![u16::MAX; 2 * ratio * ratio * 5];
            let mut out = [0.0; 5];
            inner_row(&rows, ratio, &mut vec![0; ratio * 5], &mut out);
            assert_eq!(out, [0.0, 65535.0, 65535.0, 65535.0, 0.0], "{ratio}");
        }
    }
}
