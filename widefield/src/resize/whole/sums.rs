//! 4 or 8 times fewer rows and columns.

use super::source::Source;
use crate::invalid::clear_row;
use crate::number::narrow;
use crate::resize::passes;
use crate::resize::weights::Weights;
use multiversion::multiversion;
use std::sync::Arc;

/// Resizes frames a few rows at a time: rows are used while they are in the first cache, and only the sums
/// along the last ones are kept.
#[derive(Clone, Debug)]
pub(in crate::resize) struct Sums {
    /// How many times smaller both sides become.
    ratio: usize,
    horizontal: Arc<Weights>,
    vertical: Arc<Weights>,
    /// The rows at hand, `ratio` of them, each with half as many pixels more at both ends: sums beside the edge,
    /// which are of no use, then need no care. With one row at a time, it would be loaded while the stores of what
    /// the source has put there are still under way, which stalls.
    rows: Vec<u16>,
    /// Weighted sums along the last rows, row `y` of the frame at `y` modulo [`kept`].
    sums: Vec<i32>,
    /// First and last pixel of all rows after the pass along rows.
    edges: [Vec<f32>; 2],
    /// Rows after the pass along rows, for a row of the result at the edge.
    border: Vec<f32>,
}

/// The largest ratio.
const AT_MOST: usize = 8;

/// Rows whose sums are kept: those for one row of the result, and those read too early for it.
fn kept(ratio: usize) -> usize {
    3 * ratio
}

impl Sums {
    pub(super) fn new(ratio: usize, horizontal: &Arc<Weights>, vertical: &Arc<Weights>) -> Self {
        let pixels = ratio * (horizontal.len() + 1);
        Self {
            ratio,
            horizontal: Arc::clone(horizontal),
            vertical: Arc::clone(vertical),
            rows: vec![0; ratio * pixels],
            sums: vec![0; kept(ratio) * horizontal.len()],
            edges: [const { Vec::new() }; 2],
            border: Vec::new(),
        }
    }

    /// See [`super::Whole::frame`].
    pub(super) fn frame<S: Source>(
        &mut self,
        mut source: S,
        out: &mut [f32],
    ) -> Result<usize, S::Error> {
        self.edges.iter_mut().for_each(Vec::clear);
        let vertical = Arc::clone(&self.vertical);
        let ratio = self.ratio;
        let invalid_above = source.invalid_above();
        let pixels = self.rows.len() / ratio;
        let (mut next, mut cleared) = (0, 0);
        for (y, out) in out.chunks_exact_mut(self.horizontal.len()).enumerate() {
            let (start, weights) = vertical.get(y);
            while next < start + weights.len() {
                for (y, row) in (next..).zip(self.rows.chunks_exact_mut(pixels)) {
                    source.row(y, &mut row[ratio / 2..pixels - ratio / 2])?;
                }
                cleared += clear_row(&mut self.rows, invalid_above);
                for y in next..next + ratio {
                    self.along_row(y);
                }
                self.along_edges(pixels);
                next += ratio;
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

    /// Takes row `y` of the frame, which is one of those at hand.
    fn along_row(&mut self, y: usize) {
        let width = self.horizontal.len();
        let sums = &mut self.sums[y % kept(self.ratio) * width..][..width];
        let pixels = self.rows.len() / self.ratio;
        let row = &self.rows[y % self.ratio * pixels..][..pixels];
        match self.ratio {
            4 => along_4(row, sums),
            _ => along_8(row, sums),
        }
    }

    /// Takes the edges of the rows at hand: all rows side by side, since a sum alone waits for itself.
    fn along_edges(&mut self, pixels: usize) {
        let last = self.horizontal.len() - 1;
        for (x, edge) in [0, last].into_iter().zip(&mut self.edges) {
            let (start, weights) = self.horizontal.get(x);
            let first = self.ratio / 2 + start;
            let mut sums = [0.0; AT_MOST];
            for (i, weight) in weights.iter().enumerate() {
                for (row, sum) in self.rows.chunks_exact(pixels).zip(&mut sums) {
                    *sum += f64::from(row[first + i]) * weight;
                }
            }
            edge.extend(sums[..self.ratio].iter().map(|&sum| narrow(sum)));
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

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn along_4(row: &[u16], sums: &mut [i32]) {
    along::<4>(row, sums);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn along_8(row: &[u16], sums: &mut [i32]) {
    along::<8>(row, sums);
}

/// Weighted sums along a row that becomes `R` times shorter, `R / 2` pixels around it.
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
        4 => down_4(sums, start, out),
        _ => down_8(sums, start, out),
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
