//! Baselines that follow the trace: every frame has an F0 of its own, made of the frames around it.

use super::ranks::Window;
use crate::Subtract;
use crate::number::{count, index};
use multiversion::multiversion;
use std::ops::Range;

/// A baseline of the frames around each frame, for a movie of known length.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sliding {
    kind: Kind,
    /// Frames before and after, at most the movie.
    before: usize,
    after: usize,
    n_frames: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Percentile(f64),
    /// Weights of the smoothing, an odd number of them.
    Maximin(Vec<f64>),
}

/// Traces of some pixels: `values[(t - first) * pixels + pixel]`.
#[derive(Clone, Copy)]
pub(crate) struct Traces<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) first: usize,
    pub(crate) pixels: usize,
}

impl Traces<'_> {
    fn at(&self, frame: usize) -> &[f32] {
        &self.values[(frame - self.first) * self.pixels..][..self.pixels]
    }
}

/// Memory that is used again for the next pixels.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    window: Window,
    smooth: Vec<f64>,
    weights: Vec<f64>,
    clean: Vec<f64>,
}

impl Sliding {
    pub(super) fn percentile(percent: f64, span: usize, n_frames: usize) -> Self {
        Self::new(Kind::Percentile(percent), span, n_frames)
    }

    pub(super) fn maximin(sd: f64, span: usize, n_frames: usize) -> Self {
        let radius = index(4.0 * sd + 0.5);
        let weight = |i: usize| match radius {
            0 => 1.0,
            _ => (-0.5 * (count(i.abs_diff(radius)) / sd).powi(2)).exp(),
        };
        let mut weights: Vec<f64> = (0..=2 * radius).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self::new(Kind::Maximin(weights), span, n_frames)
    }

    fn new(kind: Kind, span: usize, n_frames: usize) -> Self {
        let most = n_frames.saturating_sub(1);
        Self {
            kind,
            before: (span / 2).min(most),
            after: (span.saturating_sub(1) / 2).min(most),
            n_frames,
        }
    }

    /// The frames that the F0 of `frames` is made of.
    pub(crate) fn needs(&self, frames: &Range<usize>) -> Range<usize> {
        let (before, after) = match &self.kind {
            Kind::Percentile(_) => (self.before, self.after),
            // A maximum of minima reaches twice as far, and the smoothing beyond that.
            Kind::Maximin(weights) => {
                let radius = weights.len() / 2;
                (2 * self.before + radius, 2 * self.after + radius)
            }
        };
        let end = frames.end.saturating_add(after).min(self.n_frames);
        frames.start.saturating_sub(before)..end
    }

    /// F0 of `frames`, `out[(t - frames.start) * pixels + pixel]`, from traces that hold at least the frames
    /// of [`Sliding::needs`].
    pub(crate) fn f0(
        &self,
        traces: Traces<'_>,
        subtract: &Subtract,
        frames: Range<usize>,
        scratch: &mut Scratch,
        out: &mut [f64],
    ) {
        if frames.is_empty() || traces.pixels == 0 {
            return;
        }
        match &self.kind {
            Kind::Percentile(percent) => {
                self.sliding(*percent, traces, subtract, frames, &mut scratch.window, out);
            }
            Kind::Maximin(weights) => {
                self.maximum_of_minima(weights, traces, subtract, frames, scratch, out);
            }
        }
    }

    fn sliding(
        &self,
        percent: f64,
        traces: Traces<'_>,
        subtract: &Subtract,
        frames: Range<usize>,
        window: &mut Window,
        out: &mut [f64],
    ) {
        for pixel in 0..traces.pixels {
            let value = |frame: usize| traces.at(frame)[pixel];
            let first = frames.start.saturating_sub(self.before);
            // The frame behind the last one of the window before each step.
            let mut end = frames.start.saturating_add(self.after).min(self.n_frames);
            window.fill((first..end).map(value));
            for (out, frame) in out[pixel..]
                .iter_mut()
                .step_by(traces.pixels)
                .zip(frames.clone())
            {
                let until = frame.saturating_add(self.after + 1).min(self.n_frames);
                (end..until).for_each(|frame| window.insert(value(frame)));
                end = until;
                *out = window.percentile(percent, subtract);
                if let Some(gone) = frame.checked_sub(self.before) {
                    window.remove(value(gone));
                }
            }
        }
    }

    fn maximum_of_minima(
        &self,
        weights: &[f64],
        traces: Traces<'_>,
        subtract: &Subtract,
        frames: Range<usize>,
        scratch: &mut Scratch,
        out: &mut [f64],
    ) {
        let pixels = traces.pixels;
        let reach = self.before + self.after;
        // Frames beyond the movie are there, but neither the least nor the largest.
        let start = frames.start.saturating_sub(self.before);
        let minima = start..frames.end.saturating_add(self.after).min(self.n_frames);
        let smooth = &mut scratch.smooth;
        smooth.clear();
        smooth.resize((minima.len() + reach) * pixels, f64::INFINITY);
        let clean = &mut scratch.clean;
        clean.clear();
        clean.extend(traces.values.iter().map(|&value| subtract.value(value)));
        for (row, sums) in smooth.chunks_exact_mut(pixels).enumerate() {
            // Row 0 is `before` frames before the first minimum.
            let Some(frame) = (minima.start + row).checked_sub(self.before) else {
                continue;
            };
            if frame >= self.n_frames {
                break;
            }
            let first = fold(weights, frame, self.n_frames, &mut scratch.weights);
            sums.fill(0.0);
            let rows = clean[(first - traces.first) * pixels..].chunks_exact(pixels);
            for (values, &weight) in rows.zip(&scratch.weights) {
                add(sums, values, weight);
            }
        }
        over_windows(smooth, reach + 1, pixels, least);
        // Now row 0 is the minimum around `minima.start`; again with a margin for the maxima.
        let ahead = self.before - (frames.start - start);
        let least_rows = &smooth[..minima.len() * pixels];
        let maxima = &mut scratch.clean;
        maxima.clear();
        maxima.resize((frames.len() + reach) * pixels, f64::NEG_INFINITY);
        maxima[ahead * pixels..][..least_rows.len()].copy_from_slice(least_rows);
        over_windows(maxima, reach + 1, pixels, greatest);
        out.copy_from_slice(&maxima[..frames.len() * pixels]);
    }
}

/// The weight of every frame in the smoothed frame `frame`, from the returned frame on: the movie is continued
/// by reflection with the last frame repeated, and frames that stand in several places have their weights added.
fn fold(weights: &[f64], frame: usize, n_frames: usize, folded: &mut Vec<f64>) -> usize {
    let radius = weights.len() / 2;
    let first = frame.saturating_sub(radius);
    let last = (frame + radius).min(n_frames - 1);
    folded.clear();
    folded.resize(last + 1 - first, 0.0);
    let period = 2 * n_frames;
    let start = frame + period - radius % period;
    for (i, weight) in weights.iter().enumerate() {
        let place = (start + i) % period;
        folded[place.min(period - 1 - place) - first] += weight;
    }
    first
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add(sums: &mut [f64], values: &[f64], weight: f64) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += value * weight;
    }
}

/// Every row becomes the extreme of the `length` rows that begin with it, as far as those exist.
///
/// Windows are doubled until two of them cover one of the asked length.
fn over_windows(
    rows: &mut [f64],
    length: usize,
    pixels: usize,
    extreme: impl Fn(&mut [f64], &[f64]),
) {
    let n_rows = rows.len() / pixels;
    let mut covered = 1;
    while covered < length {
        let step = covered.min(length - covered);
        for row in 0..n_rows.saturating_sub(step) {
            let (rows, later) = rows.split_at_mut((row + 1) * pixels);
            let later = &later[(step - 1) * pixels..][..pixels];
            extreme(&mut rows[row * pixels..], later);
        }
        covered += step;
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn least(values: &mut [f64], others: &[f64]) {
    for (value, &other) in values.iter_mut().zip(others) {
        // Written so that NaN wins.
        *value = if *value < other || value.is_nan() {
            *value
        } else {
            other
        };
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn greatest(values: &mut [f64], others: &[f64]) {
    for (value, &other) in values.iter_mut().zip(others) {
        *value = if *value > other || value.is_nan() {
            *value
        } else {
            other
        };
    }
}
