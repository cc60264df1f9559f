//! Camera counts made 2, 4 or 8 times smaller, in whole numbers, from rows as they come.
//!
//! Away from the edges the weights are then 1, 3, 5 ... 5, 3, 1 over a power of two. Sums of 16-bit counts
//! with such weights fit into 32 bits, and those along a row also into the 24 bits of an f32, so rounding
//! between the two passes changes nothing. Whole numbers rounded once at the end are the same bits as the
//! f64 sums of the definition. What the edge touches has other weights and takes the f64 sums.

use super::passes;
use super::weights::Weights;
use crate::invalid::clear_row;
use crate::number::{count, narrow};
use multiversion::multiversion;
use std::sync::Arc;

/// Resizes frames a few rows at a time: rows are used while they are in the first cache, and only the sums
/// along the last ones are kept.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// How many times smaller both sides become.
    ratio: usize,
    horizontal: Arc<Weights>,
    vertical: Arc<Weights>,
    /// The rows at hand, in pairs of pixels, each with [`margin`] more at both ends: sums beside the edge,
    /// which are of no use, then need no care.
    rows: Vec<[u16; 2]>,
    /// Weighted sums along the last rows, row `y` of the frame at `y` modulo [`kept`].
    sums: Vec<i32>,
    /// First and last pixel of all rows after the pass along rows.
    edges: [Vec<f32>; 2],
    /// Rows after the pass along rows, for a row of the result at the edge.
    border: Vec<f32>,
}

/// Rows that are read at a time. With one by one, a row would be loaded while the stores of what the source has
/// put there are still under way, which stalls.
fn at_a_time(ratio: usize) -> usize {
    ratio.max(4)
}

/// The largest of [`at_a_time`].
const AT_MOST: usize = 8;

/// Rows whose sums are kept: those for one row of the result, and those read too early for it.
fn kept(ratio: usize) -> usize {
    2 * ratio + at_a_time(ratio)
}

/// Pairs of pixels around a row.
fn margin(ratio: usize) -> usize {
    ratio.div_ceil(4)
}

impl Whole {
    /// If both axes have the weights of such a ratio.
    pub(super) fn new(horizontal: &Arc<Weights>, vertical: &Arc<Weights>) -> Option<Self> {
        let ratio = [2, 4, 8]
            .into_iter()
            .find(|&ratio| fits(horizontal, ratio) && fits(vertical, ratio))?;
        let pairs = ratio * horizontal.len() / 2 + 2 * margin(ratio);
        Some(Self {
            ratio,
            horizontal: Arc::clone(horizontal),
            vertical: Arc::clone(vertical),
            rows: vec![[0; 2]; at_a_time(ratio) * pairs],
            sums: vec![0; kept(ratio) * horizontal.len()],
            edges: [const { Vec::new() }; 2],
            border: Vec::new(),
        })
    }

    /// Resizes a frame into `out`; `source` fills one row after the other, counts above `invalid_above` become
    /// 0. Returns how many.
    ///
    /// # Errors
    /// Those of the source, which end the frame.
    pub(super) fn frame<E>(
        &mut self,
        invalid_above: u16,
        mut source: impl FnMut(usize, &mut [u16]) -> Result<(), E>,
        out: &mut [f32],
    ) -> Result<usize, E> {
        self.edges.iter_mut().for_each(Vec::clear);
        let vertical = Arc::clone(&self.vertical);
        let ratio = self.ratio;
        let (height, margin) = (ratio * vertical.len(), margin(ratio));
        let (mut next, mut cleared) = (0, 0);
        for (y, out) in out.chunks_exact_mut(self.horizontal.len()).enumerate() {
            let (start, weights) = vertical.get(y);
            while next < start + weights.len() {
                let count = at_a_time(ratio).min(height - next);
                let pairs = self.rows.len() / at_a_time(ratio);
                for (i, row) in self.rows.chunks_exact_mut(pairs).take(count).enumerate() {
                    source(next + i, row[margin..pairs - margin].as_flattened_mut())?;
                }
                if invalid_above < u16::MAX {
                    let rows = self.rows[..count * pairs].as_flattened_mut();
                    cleared += clear_row(rows, invalid_above);
                }
                for y in next..next + count {
                    self.along_row(y, y - next, pairs);
                }
                self.along_edges(count, pairs);
                next += count;
            }
            if (1..vertical.len() - 1).contains(&y) {
                down(ratio, &self.sums, start, out);
            } else {
                self.border(start, weights, out);
            }
            let last = out.len() - 1;
            for (x, edge) in [0, last].into_iter().zip(&self.edges) {
                out[x] = passes::weighted(&edge[start..], weights);
            }
        }
        Ok(cleared)
    }

    /// Takes row `y` of the frame, which is the one at `place` of those at hand.
    fn along_row(&mut self, y: usize, place: usize, pairs: usize) {
        let width = self.horizontal.len();
        let sums = &mut self.sums[y % kept(self.ratio) * width..][..width];
        let row = &self.rows[place * pairs..][..pairs];
        match self.ratio {
            2 => along_pairs(row, sums),
            4 => along_4(row.as_flattened(), sums),
            _ => along_8(row.as_flattened(), sums),
        }
    }

    /// Takes the edges of the `count` rows at hand: all rows side by side, since a sum alone waits for itself.
    fn along_edges(&mut self, count: usize, pairs: usize) {
        let last = self.horizontal.len() - 1;
        let rows = self.rows.as_flattened();
        for (x, edge) in [0, last].into_iter().zip(&mut self.edges) {
            let (start, weights) = self.horizontal.get(x);
            let first = 2 * margin(self.ratio) + start;
            let mut sums = [0.0; AT_MOST];
            for (i, weight) in weights.iter().enumerate() {
                for (row, sum) in rows.chunks_exact(2 * pairs).zip(&mut sums) {
                    *sum += f64::from(row[first + i]) * weight;
                }
            }
            edge.extend(sums[..count].iter().map(|&sum| narrow(sum)));
        }
    }

    /// A row of the result that the upper or lower edge touches.
    fn border(&mut self, start: usize, weights: &[f64], out: &mut [f32]) {
        let width = out.len();
        // Of the weights 1, 3 ... 3, 1; a power of two, so that the product is exact.
        let scale = 1.0 / small(2 * self.ratio * self.ratio);
        self.border.clear();
        for y in start..start + weights.len() {
            let sums = &self.sums[y % kept(self.ratio) * width..][..width];
            self.border
                .extend(sums.iter().map(|&sum| sum as f32 * scale));
        }
        passes::along_columns(&self.border, width, 0, weights, out);
    }
}

/// Whether the outputs `1..len - 1` of an axis have the weights 1, 3, 5 ... over `2 ratio^2`, first one at
/// `ratio i - ratio / 2`.
fn fits(weights: &Weights, ratio: usize) -> bool {
    let rising = (0..ratio).map(|i| 2 * i + 1);
    let expected: Vec<f64> = rising
        .clone()
        .chain(rising.rev())
        .map(|weight| count(weight) / count(2 * ratio * ratio))
        .collect();
    let inner = 1..weights.len().saturating_sub(1);
    !inner.is_empty()
        && inner
            .into_iter()
            .all(|i| weights.get(i) == (ratio * i - ratio / 2, &expected))
}

/// Weighted sums along a row that becomes half as long, one pair around it.
///
/// Pairs rather than single pixels: a pair is one vector lane of 32 bits, taken apart by shifts.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn along_pairs(row: &[[u16; 2]], sums: &mut [i32]) {
    let n = sums.len();
    let (Some(left), Some(middle), Some(right)) = (row.get(..n), row.get(1..=n), row.get(2..2 + n))
    else {
        return;
    };
    for x in 0..n {
        let [_, a] = left[x];
        let [b, c] = middle[x];
        let [d, _] = right[x];
        sums[x] = i32::from(a) + 3 * (i32::from(b) + i32::from(c)) + i32::from(d);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn along_4(row: &[u16], sums: &mut [i32]) {
    along::<4>(row, sums);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn along_8(row: &[u16], sums: &mut [i32]) {
    along::<8>(row, sums);
}

/// As [`along_pairs`] for a row that becomes `R` times shorter, `R / 2` pixels around it.
#[inline(always)]
fn along<const R: usize>(row: &[u16], sums: &mut [i32]) {
    let (blocks, _) = row.as_chunks::<R>();
    for ((sum, left), right) in sums.iter_mut().zip(blocks).zip(&blocks[1..]) {
        *sum = 0;
        for i in 0..R {
            *sum += weight(i) * (i32::from(left[i]) + i32::from(right[R - 1 - i]));
        }
    }
}

/// One row of the result from the sums along the `2 ratio` rows from row `start` on.
fn down(ratio: usize, sums: &[i32], start: usize, out: &mut [f32]) {
    match ratio {
        2 => down_2(sums, start, out),
        4 => down_4(sums, start, out),
        _ => down_8(sums, start, out),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn down_2(sums: &[i32], start: usize, out: &mut [f32]) {
    let n = out.len();
    // Spelled out, which keeps all four rows in step and the sums in registers.
    let row = |i: usize| &sums[(start + i) % kept(2) * n..][..n];
    let (a, b, c, d) = (row(0), row(1), row(2), row(3));
    for x in 0..n {
        out[x] = (a[x] + 3 * (b[x] + c[x]) + d[x]) as f32 * (1.0 / 64.0);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn down_4(sums: &[i32], start: usize, out: &mut [f32]) {
    down_rows::<4>(sums, start, out);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn down_8(sums: &[i32], start: usize, out: &mut [f32]) {
    down_rows::<8>(sums, start, out);
}

#[inline(always)]
fn down_rows<const R: usize>(sums: &[i32], start: usize, out: &mut [f32]) {
    /// Columns that are summed together in registers.
    const COLUMNS: usize = 64;
    let width = out.len();
    // Of all weights of both passes; a power of two, so that the product is exact.
    let scale = 1.0 / small(4 * R * R * R * R);
    for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
        let mut totals = [0; COLUMNS];
        let totals = &mut totals[..out.len()];
        for i in 0..2 * R {
            let weight = weight(i.min(2 * R - 1 - i));
            let row = &sums[(start + i) % kept(R) * width + block * COLUMNS..];
            for (total, &sum) in totals.iter_mut().zip(row) {
                *total += weight * sum;
            }
        }
        for (out, &total) in out.iter_mut().zip(totals.iter()) {
            *out = total as f32 * scale;
        }
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
fn small(n: usize) -> f32 {
    n as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

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
            let weights = Arc::new(Weights::triangle(ratio * 5, 5));
            let mut whole = Whole::new(&weights, &weights).unwrap();
            let mut out = [0.0; 25];
            let Ok(_) = whole.frame(
                u16::MAX,
                |_, row| {
                    row.fill(u16::MAX);
                    Ok::<(), Infallible>(())
                },
                &mut out,
            );
            assert_eq!(out, [65535.0; 25], "{ratio}");
        }
    }

    #[test]
    fn rows_are_asked_for_once_in_order_until_the_source_fails() {
        let weights = Arc::new(Weights::triangle(8, 4));
        let mut whole = Whole::new(&weights, &weights).unwrap();
        let mut seen = Vec::new();
        let mut ask = |stop: usize| {
            seen.clear();
            let result = whole.frame(
                u16::MAX,
                |y, row| {
                    assert_eq!(row.len(), 8);
                    seen.push(y);
                    if y == stop { Err(y) } else { Ok(()) }
                },
                &mut [0.0; 16],
            );
            (result, seen.clone())
        };
        assert_eq!(ask(3), (Err(3), vec![0, 1, 2, 3]));
        assert_eq!(ask(99), (Ok(0), (0..8).collect()));
    }
}
