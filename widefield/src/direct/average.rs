//! Mean and standard error over trials, and over the pixels of an area.

use crate::number::count;
use ndarray::ArrayView2;

/// Mean, standard error of the mean and number of the values that are finite, see [`crate::Average`]: NaN where there
/// are too few.
pub fn average(values: &[f64]) -> (f64, f64, usize) {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let n = count(finite.len());
    let mean = finite.iter().sum::<f64>() / n;
    if finite.len() < 2 {
        return (mean, f64::NAN, finite.len());
    }
    let variance = finite.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt() / n.sqrt(), finite.len())
}

/// Mean over the pixels of a mask that are finite, see [`crate::Areas::means`].
pub fn area_mean(frame: ArrayView2<'_, f32>, mask: ArrayView2<'_, bool>) -> f64 {
    let pixels = frame.iter().zip(mask).filter(|(_, inside)| **inside);
    let values: Vec<f64> = pixels.map(|(value, _)| f64::from(*value)).collect();
    average(&values).0
}
