//! Least squares of the cells of trials by its definition.

use crate::number::count;
use nalgebra::{DMatrix, DVector};

/// Coefficients, intercept first, and R^2 of one pixel by the singular value decomposition of the whole design, see
/// [`crate::glm`]: five values of every trial and the index of its condition, each of which has trials. Empty if the
/// decomposition gives none.
pub fn glm(trials: &[([f64; 5], usize)], conditions: usize) -> (Vec<f64>, f64) {
    let column = |cell: usize, condition: usize| match cell {
        0 | 1 => cell,
        later => 2 + (later - 2) * conditions + condition,
    };
    let design = DMatrix::from_fn(5 * trials.len(), 2 + 3 * conditions, |row, k| {
        let (_, condition) = trials[row / 5];
        let this = k == 0 || k == column(row % 5, condition);
        f64::from(u8::from(this))
    });
    let values = DVector::from_fn(5 * trials.len(), |row, _| trials[row / 5].0[row % 5]);
    let Ok(coefficients) = design.clone().svd(true, true).solve(&values, 1e-12) else {
        return (Vec::new(), f64::NAN);
    };
    let left = (&values - design * &coefficients).norm_squared();
    let mean = values.sum() / count(values.len());
    let total: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (coefficients.iter().copied().collect(), 1.0 - left / total)
}
