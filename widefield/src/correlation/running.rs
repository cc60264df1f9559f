//! Correlation in a window that moves along a row of pixels.
//!
//! Every `w` frames there is a pivot. Each window of `w` frames contains exactly one that it neither misses nor shares
//! with a later one: the part before it is one of `w - 1` tails, which are summed backwards, the rest one of `w` heads,
//! summed forwards (van Herk 1992). Both take differences from the value at the pivot, so a window whose values are all
//! equal has sums that are 0, one with NaN has sums that are NaN and no later one has, and the variance
//! `sum of squares - square of sum / w` loses at most a factor `w + 1` of precision, as the pivot is one of its values.

use super::{Real, limited};
use crate::number::count;
use multiversion::multiversion;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut3, Axis, s};

/// f64 values of tails that are kept at a time: they stay in the cache.
const TAILS: usize = 1 << 14;
/// Fewest and most pixels that are gone through together.
const PIXELS: (usize, usize) = (16, 256);

/// Seeds, each with what its windows need.
pub(super) struct Seeds {
    window: usize,
    n_frames: usize,
    seeds: Vec<Seed>,
}

struct Seed {
    values: Vec<f64>,
    /// Of the window that starts at each frame: the mean of the differences from the pivot, and one over the root of the
    /// sum of squared deviations, NaN where the seed does not change.
    windows: Vec<(f64, f64)>,
}

impl Seeds {
    /// `window` is from 2 to the number of frames.
    pub(super) fn new(seeds: ArrayView2<'_, f64>, window: usize) -> Self {
        let n_frames = seeds.nrows();
        let seed = |column: ArrayView1<'_, f64>| {
            let values = column.to_vec();
            let of_window = |start: usize| {
                let pivot = values[start.div_ceil(window) * window];
                let differences = || values[start..start + window].iter().map(|v| v - pivot);
                let mean = differences().sum::<f64>() / count(window);
                let around: f64 = differences().map(|d| (d - mean) * (d - mean)).sum();
                (mean, one_over_root(around))
            };
            let windows = (0..=n_frames - window).map(of_window).collect();
            Seed { values, windows }
        };
        Self {
            window,
            n_frames,
            seeds: seeds.columns().into_iter().map(seed).collect(),
        }
    }

    /// Fills in the frames of a row of pixels `(t, x)` that have a window: `(seed, t, x)`.
    pub(super) fn row<R: Real>(
        &self,
        row: ArrayView2<'_, f32>,
        memory: &mut Vec<f64>,
        mut out: ArrayViewMut3<'_, R>,
    ) {
        // Sum, sum of squares, and sum of products with each seed.
        let kinds = 2 + self.seeds.len();
        let fit = TAILS / self.window.saturating_mul(kinds).max(1);
        let pixels = fit.clamp(PIXELS.0, PIXELS.1);
        for (row, out) in row
            .axis_chunks_iter(Axis(1), pixels)
            .zip(out.axis_chunks_iter_mut(Axis(2), pixels))
        {
            self.pixels(row, memory, out);
        }
    }

    fn pixels<R: Real>(
        &self,
        row: ArrayView2<'_, f32>,
        memory: &mut Vec<f64>,
        mut out: ArrayViewMut3<'_, R>,
    ) {
        let (window, n) = (self.window, row.ncols());
        let kinds = 2 + self.seeds.len();
        let half = window / 2;
        memory.clear();
        memory.resize((kinds * (window + 1) + 3) * n, 0.0);
        let (pivots, rest) = memory.split_at_mut(n);
        let (at, rest) = rest.split_at_mut(2 * n);
        let (head, tails) = rest.split_at_mut(kinds * n);
        let mut differences: Vec<f64> = vec![0.0; self.seeds.len()];
        let mut copied = Vec::new();
        for pivot in (0..self.n_frames).step_by(window) {
            for (to, value) in pivots.iter_mut().zip(row.row(pivot)) {
                *to = f64::from(*value);
            }
            // Masked pixels: no window with this pivot has a value.
            if pivots.iter().all(|value| !value.is_finite()) {
                continue;
            }
            let differences_at = |frame: usize, differences: &mut [f64]| {
                for (to, seed) in differences.iter_mut().zip(&self.seeds) {
                    *to = seed.values[frame] - seed.values[pivot];
                }
            };
            // Tail k has the k frames before the pivot; tail 0 has none.
            tails[..kinds * n].fill(0.0);
            for k in 1..window.min(pivot + 1) {
                let frame = pivot - k;
                differences_at(frame, &mut differences);
                let (before, tail) =
                    tails[(k - 1) * kinds * n..][..2 * kinds * n].split_at_mut(kinds * n);
                tail.copy_from_slice(before);
                add(
                    tail,
                    contiguous(row.row(frame), &mut copied),
                    pivots,
                    &differences,
                );
            }
            head.fill(0.0);
            for length in 1..=window.min(self.n_frames - pivot) {
                let frame = pivot + length - 1;
                differences_at(frame, &mut differences);
                add(
                    head,
                    contiguous(row.row(frame), &mut copied),
                    pivots,
                    &differences,
                );
                let tail = window - length;
                let Some(start) = pivot.checked_sub(tail) else {
                    continue;
                };
                let t = start + half;
                if t >= self.n_frames - half {
                    continue;
                }
                let tail = &tails[tail * kinds * n..][..kinds * n];
                deviations(head, tail, count(window), at);
                let products = head[2 * n..]
                    .chunks_exact(n)
                    .zip(tail[2 * n..].chunks_exact(n));
                for ((k, seed), (head, tail)) in self.seeds.iter().enumerate().zip(products) {
                    let of_seed = seed.windows[start];
                    let mut out = out.slice_mut(s![k, t, ..]);
                    match out.as_slice_mut() {
                        Some(out) => correlate(head, tail, at, of_seed, out),
                        None => {
                            let mut together = vec![R::default(); n];
                            correlate(head, tail, at, of_seed, &mut together);
                            out.assign(&ArrayView1::from(&together));
                        }
                    }
                }
            }
        }
    }
}

/// The values of a frame in order, copied if they lie apart.
fn contiguous<'a>(frame: ArrayView1<'a, f32>, copied: &'a mut Vec<f32>) -> &'a [f32] {
    match frame.to_slice() {
        Some(values) => values,
        None => {
            copied.clear();
            copied.extend(frame);
            copied
        }
    }
}

/// NaN for what is not above 0: nothing changes, or rounding is all there is.
#[inline(always)]
fn one_over_root(around: f64) -> f64 {
    if around > 0.0 {
        1.0 / around.sqrt()
    } else {
        f64::NAN
    }
}

/// Adds a frame to the sums.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add(sums: &mut [f64], values: &[f32], pivots: &[f64], seeds: &[f64]) {
    let n = pivots.len().min(values.len());
    let (sum, rest) = sums.split_at_mut(n);
    let (squares, products) = rest.split_at_mut(n);
    for (((sum, square), &value), &pivot) in sum.iter_mut().zip(squares).zip(values).zip(pivots) {
        let difference = f64::from(value) - pivot;
        *sum += difference;
        *square += difference * difference;
    }
    for (products, seed) in products.chunks_exact_mut(n).zip(seeds) {
        for ((product, &value), &pivot) in products.iter_mut().zip(values).zip(pivots) {
            *product += (f64::from(value) - pivot) * seed;
        }
    }
}

/// Of whole windows: the sum, and one over the root of the sum of squared deviations.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn deviations(head: &[f64], tail: &[f64], window: f64, at: &mut [f64]) {
    let n = at.len() / 2;
    let (sums, roots) = at.split_at_mut(n);
    let squares = head[n..2 * n].iter().zip(&tail[n..2 * n]);
    for (((sum, root), (a, b)), (c, d)) in (sums
        .iter_mut()
        .zip(roots)
        .zip(head[..n].iter().zip(&tail[..n])))
    .zip(squares)
    {
        *sum = a + b;
        *root = one_over_root((c + d) - *sum * *sum / window);
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn correlate<R: Real>(
    head: &[f64],
    tail: &[f64],
    at: &[f64],
    (mean, root): (f64, f64),
    out: &mut [R],
) {
    let (sums, roots) = at.split_at(at.len() / 2);
    let products = head.iter().zip(tail);
    for (((out, (head, tail)), sum), of_pixel) in out.iter_mut().zip(products).zip(sums).zip(roots)
    {
        *out = R::of(limited(((head + tail) - sum * mean) * of_pixel * root));
    }
}
