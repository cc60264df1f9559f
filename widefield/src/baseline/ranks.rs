//! Percentiles of traces.

use crate::Subtract;
use crate::percentiles::{key, of_key, select};
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
pub(super) fn interpolate(
    lower: i32,
    upper: Option<i32>,
    between: f64,
    subtract: &Subtract,
) -> f64 {
    let lower = subtract.value(of_key(lower));
    match upper {
        Some(upper) => lower + (subtract.value(of_key(upper)) - lower) * between,
        None => lower,
    }
}
