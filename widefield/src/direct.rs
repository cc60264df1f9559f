//! Slow, obvious versions of the operators: what they compute, in as few lines as possible.
//!
//! They are the oracle of the tests and benchmarks, and the place to read a definition. Nothing in
//! the chain calls them; they come with the feature `direct`. Inputs are taken as they are: no check, no threads.

mod auc;
mod average;
mod baseline;
mod correlation;
mod gaussian_fit;
mod glm;
mod resize;

pub use auc::auc;
pub use average::{area_mean, average};
pub use baseline::{baseline, noise};
pub use correlation::{pearson, running_correlation};
pub use gaussian_fit::gaussian_fit;
pub use glm::glm;
pub use resize::{bins, resize_box, resize_lanczos3, resize_nearest, resize_triangle};

use crate::Subtract;
use crate::number::{count, index};
use ndarray::{Array2, ArrayView2, Axis};

/// Gaussian filter by its definition, see [`crate::smooth::gaussian`]; `sd_px` above 0.
pub fn gaussian_filter(frame: ArrayView2<'_, f64>, sd_px: f64) -> Array2<f64> {
    fn columns(frame: ArrayView2<'_, f64>, sd: f64) -> Array2<f64> {
        let radius = index(4.0 * sd + 0.5);
        let n = frame.nrows();
        let weight = |i: usize| (-0.5 * (count(i.abs_diff(radius)) / sd).powi(2)).exp();
        let total: f64 = (0..=2 * radius).map(weight).sum();
        Array2::from_shape_fn(frame.dim(), |(y, x)| {
            let at = |i: usize| {
                let place = (y + i + 2 * n * radius - radius) % (2 * n);
                frame[(place.min(2 * n - 1 - place), x)]
            };
            (0..=2 * radius).map(|i| weight(i) * at(i)).sum::<f64>() / total
        })
    }
    let between = columns(frame, sd_px);
    columns(between.t(), sd_px).reversed_axes()
}

/// Gaussian kernel density of `values` at every point of `grid`, per unit of the values.
///
/// Bandwidth `std n^(-1/5)` with the `n - 1` standard deviation; one exponential for every pair.
pub fn density(values: &[f64], grid: &[f64]) -> Vec<f64> {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    let bandwidth = variance.sqrt() * n.powf(-0.2);
    let norm = n * bandwidth * std::f64::consts::TAU.sqrt();
    let kernel = |distance: f64| (-0.5 * (distance / bandwidth).powi(2)).exp();
    grid.iter()
        .map(|point| {
            values
                .iter()
                .map(|value| kernel(point - value))
                .sum::<f64>()
                / norm
        })
        .collect()
}

/// dF/F of a movie `(t, y, x)` with F0 the mean over `baseline`, all in f64; `NaN` where not kept.
pub fn dff(
    movie: ndarray::ArrayView3<'_, f32>,
    subtract: &Subtract,
    baseline: std::ops::Range<usize>,
    kept: ArrayView2<'_, bool>,
) -> ndarray::Array3<f64> {
    let mut out = movie.mapv(|value| subtract.value(value));
    for mut trace in out.lanes_mut(Axis(0)) {
        let f0 = baseline.clone().map(|frame| trace[frame]).sum::<f64>() / count(baseline.len());
        trace.mapv_inplace(|value| (value - f0) / f0);
    }
    for mut frame in out.axis_iter_mut(Axis(0)) {
        frame.zip_mut_with(&kept, |value, &kept| {
            if !kept {
                *value = f64::NAN;
            }
        });
    }
    out
}
