//! Pearson correlation of two traces by definition.

use crate::number::count;

/// r of the pairs of which both are finite, see [`crate::correlation::maps`]; NaN if there are fewer than 2 or one trace
/// does not change. Not limited to -1 to 1.
pub fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let pairs: Vec<(f64, f64)> = a
        .iter()
        .copied()
        .zip(b.iter().copied())
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .collect();
    let Some(&first) = pairs.first() else {
        return f64::NAN;
    };
    if pairs.iter().all(|pair| pair.0 == first.0) || pairs.iter().all(|pair| pair.1 == first.1) {
        return f64::NAN;
    }
    let n = count(pairs.len());
    let mean_a = pairs.iter().map(|pair| pair.0).sum::<f64>() / n;
    let mean_b = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
    let sum = |of: fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|(a, b)| of(a - mean_a, b - mean_b)).sum()
    };
    sum(|a, b| a * b) / (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt()
}

/// r of a pixel with a seed in a window around each frame, see [`crate::correlation::running`]; NaN where a value of
/// the window is not finite.
pub fn running_correlation(pixel: &[f64], seed: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    (0..pixel.len())
        .map(|t| {
            if t < half || t + half >= pixel.len() {
                return f64::NAN;
            }
            let frames = t - half..t - half + window;
            let (pixel, seed) = (&pixel[frames.clone()], &seed[frames]);
            if pixel.iter().chain(seed).any(|v| !v.is_finite()) {
                return f64::NAN;
            }
            pearson(pixel, seed)
        })
        .collect()
}
