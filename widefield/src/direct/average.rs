//! Mean and standard error over trials.

use crate::number::count;

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
