//! Percentiles of traces.

use crate::Subtract;
use crate::percentiles::{key, of_key, place, select};
use ndarray::{ArrayView3, ArrayViewMut2};

/// Pixels whose traces are gathered in one go over the frames.
const PIXELS: usize = 16;

/// The percentile of every trace of a tile `(t, rows, x)`; NaN where a frame is NaN.
pub(super) fn percentiles(
    tile: ArrayView3<'_, f32>,
    percent: f64,
    subtract: &Subtract,
    mut out: ArrayViewMut2<'_, f64>,
) {
    let n_frames = tile.dim().0;
    let mut traces = vec![0; PIXELS * n_frames];
    for (rows, mut out) in tile.axis_iter(ndarray::Axis(1)).zip(out.rows_mut()) {
        let pieces = rows.axis_chunks_iter(ndarray::Axis(1), PIXELS);
        for (piece, mut out) in pieces.zip(out.axis_chunks_iter_mut(ndarray::Axis(0), PIXELS)) {
            for (t, frame) in piece.rows().into_iter().enumerate() {
                for (pixel, &value) in frame.iter().enumerate() {
                    traces[pixel * n_frames + t] = key(value);
                }
            }
            for (out, trace) in out.iter_mut().zip(traces.chunks_exact_mut(n_frames.max(1))) {
                *out = percentile(trace, percent, subtract);
            }
        }
    }
}

/// The percentile of one trace of keys, which it reorders.
fn percentile(trace: &mut [i32], percent: f64, subtract: &Subtract) -> f64 {
    if trace.iter().any(|&key| of_key(key).is_nan()) {
        return f64::NAN;
    }
    match select(trace, percent) {
        Some((lower, upper, between)) => interpolate(lower, upper, between, subtract),
        None => f64::NAN,
    }
}

/// Fluorescence between two counts. As more counts are never less fluorescence, the order of counts is that
/// of fluorescence.
fn interpolate(lower: i32, upper: Option<i32>, between: f64, subtract: &Subtract) -> f64 {
    let lower = subtract.value(of_key(lower));
    match upper {
        Some(upper) => lower + (subtract.value(of_key(upper)) - lower) * between,
        None => lower,
    }
}

/// The values of a window that slides over a trace, in order.
#[derive(Debug, Default)]
pub(super) struct Window {
    sorted: Vec<i32>,
    nans: usize,
}

impl Window {
    /// Empties the window, then fills it.
    pub(super) fn fill(&mut self, values: impl Iterator<Item = f32>) {
        self.sorted.clear();
        self.nans = 0;
        for value in values {
            if value.is_nan() {
                self.nans += 1;
            } else {
                self.sorted.push(key(value));
            }
        }
        self.sorted.sort_unstable();
    }

    pub(super) fn insert(&mut self, value: f32) {
        if value.is_nan() {
            self.nans += 1;
            return;
        }
        let key = key(value);
        let at = self.sorted.partition_point(|&other| other < key);
        self.sorted.insert(at, key);
    }

    /// Takes a value out that was put in.
    pub(super) fn remove(&mut self, value: f32) {
        if value.is_nan() {
            self.nans = self.nans.saturating_sub(1);
            return;
        }
        if let Ok(at) = self.sorted.binary_search(&key(value)) {
            self.sorted.remove(at);
        }
    }

    /// The percentile of the values; NaN if one is NaN or there are none.
    pub(super) fn percentile(&self, percent: f64, subtract: &Subtract) -> f64 {
        match place(self.sorted.len(), percent) {
            Some((low, between)) if self.nans == 0 => {
                let upper = (between > 0.0).then(|| self.sorted[low + 1]);
                interpolate(self.sorted[low], upper, between, subtract)
            }
            _ => f64::NAN,
        }
    }
}
