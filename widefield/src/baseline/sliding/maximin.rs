//! The largest of the least smoothed values around each frame.

use super::extremes::{largest_of, least_of};
use super::{LANES, Lanes, Reach, Traces};
use crate::Subtract;
use crate::number::{count, index};
use multiversion::multiversion;
use std::ops::Range;

/// Memory that is used again for the next pixels.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    clean: Vec<Lanes>,
    rows: Vec<Lanes>,
    weights: Vec<f64>,
}

/// Weights of a Gaussian, an odd number of them whose sum is 1.
pub(super) fn gaussian(sd: f64) -> Vec<f64> {
    let radius = index(4.0 * sd + 0.5);
    let weight = |i: usize| match radius {
        0 => 1.0,
        _ => (-0.5 * (count(i.abs_diff(radius)) / sd).powi(2)).exp(),
    };
    let mut weights: Vec<f64> = (0..=2 * radius).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// F0 of `frames`; see [`super::Buffers::f0`].
pub(super) fn f0(
    weights: &[f64],
    reach: Reach,
    traces: Traces<'_>,
    subtract: &Subtract,
    frames: Range<usize>,
    scratch: &mut Scratch,
    out: &mut Vec<Lanes>,
) {
    let Reach {
        before,
        after,
        n_frames,
    } = reach;
    out.clear();
    if frames.is_empty() {
        return;
    }
    let Scratch {
        clean,
        rows,
        weights: folded,
    } = scratch;
    clean.clear();
    clean.extend(
        traces
            .rows
            .iter()
            .map(|row| -> Lanes { std::array::from_fn(|i| subtract.value(row[i])) }),
    );
    // Frames beyond the movie are there, but neither the least nor the largest.
    let start = frames.start.saturating_sub(before);
    let minima = start..frames.end.saturating_add(after).min(n_frames);
    let window = before + after + 1;
    rows.clear();
    // Row 0 is `before` frames before the first minimum.
    for row in 0..minima.len() + window - 1 {
        let frame = (minima.start + row).checked_sub(before);
        rows.push(match frame.filter(|&frame| frame < n_frames) {
            Some(frame) => {
                let (first, weights) = fold(weights, frame, n_frames, folded);
                smoothed(&clean[first - traces.first..], weights)
            }
            None => [f64::INFINITY; LANES],
        });
    }
    least_of(rows, window);
    // Now row 0 is the minimum around `minima.start`; again with a margin for the maxima.
    let ahead = before - (frames.start - start);
    out.resize(ahead, [f64::NEG_INFINITY; LANES]);
    out.extend_from_slice(&rows[..minima.len()]);
    out.resize(frames.len() + window - 1, [f64::NEG_INFINITY; LANES]);
    largest_of(out, window);
    out.truncate(frames.len());
}

/// The weight of every frame in the smoothed frame `frame`, from the returned frame on: the movie is continued
/// by reflection with the last frame repeated, and frames that stand in several places have their weights added.
fn fold<'a>(
    weights: &'a [f64],
    frame: usize,
    n_frames: usize,
    folded: &'a mut Vec<f64>,
) -> (usize, &'a [f64]) {
    let radius = weights.len() / 2;
    let first = frame.saturating_sub(radius);
    if frame >= radius && n_frames - frame > radius {
        return (first, weights);
    }
    let last = (frame + radius).min(n_frames - 1);
    folded.clear();
    folded.resize(last + 1 - first, 0.0);
    let period = 2 * n_frames;
    let start = frame + period - radius % period;
    for (i, weight) in weights.iter().enumerate() {
        let place = (start + i) % period;
        folded[place.min(period - 1 - place) - first] += weight;
    }
    (first, folded)
}

/// The weighted sum of rows, one after the other.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn smoothed(rows: &[Lanes], weights: &[f64]) -> Lanes {
    let mut sums = [0.0; LANES];
    for (row, &weight) in rows.iter().zip(weights) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value * weight;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::narrow;
    use proptest::prelude::*;

    proptest! {
        /// Bit by bit what looking at every window gives.
        #[test]
        fn equal_to_looking_at_every_window(
            values in prop::collection::vec(0.0_f64..1000.0, 2..60),
            nan in 0..300_usize,
            sd in 0.0_f64..5.0,
            before in 0..30_usize,
            shorter in 0..2_usize,
            from in 0..60_usize,
            to in 0..60_usize,
        ) {
            let n_frames = values.len();
            let before = before.min(n_frames - 1);
            let after = before.saturating_sub(shorter);
            let mut trace: Vec<f32> = values.into_iter().map(narrow).collect();
            if let Some(value) = trace.get_mut(nan) {
                *value = f32::NAN;
            }
            let rows: Vec<[f32; LANES]> = trace.iter().map(|&v| [v; LANES]).collect();
            let weights = gaussian(sd);
            let mut folded = Vec::new();
            let smooth: Vec<f64> = (0..n_frames)
                .map(|frame| {
                    let (first, weights) = fold(&weights, frame, n_frames, &mut folded);
                    let terms = trace[first..].iter().zip(weights);
                    terms.fold(0.0, |sum, (&v, w)| sum + f64::from(v) * w)
                })
                .collect();
            let extreme = |values: &[f64], choose: fn(f64, f64) -> f64| -> Vec<f64> {
                let window = |frame: usize| frame.saturating_sub(before)..(frame + after + 1).min(n_frames);
                let of = |window: &[f64]| match window.iter().any(|v| v.is_nan()) {
                    true => f64::NAN,
                    false => window.iter().copied().reduce(choose).unwrap_or(f64::NAN),
                };
                (0..n_frames).map(|frame| of(&values[window(frame)])).collect()
            };
            let want = extreme(&extreme(&smooth, f64::min), f64::max);
            let (from, to) = (from.min(to).min(n_frames), from.max(to).min(n_frames));
            let (mut scratch, mut out) = (Scratch::default(), Vec::new());
            let reach = Reach { before, after, n_frames };
            let traces = Traces { rows: &rows, first: 0, lanes: LANES };
            f0(&weights, reach, traces, &Subtract::NOTHING, from..to, &mut scratch, &mut out);
            prop_assert_eq!(out.len(), to - from);
            for (found, want) in out.iter().zip(&want[from..to]) {
                for value in found {
                    prop_assert!(value.to_bits() == want.to_bits() || value.is_nan() && want.is_nan());
                }
            }
        }
    }
}
