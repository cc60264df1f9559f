//! How the light of the whole brain fades.

use crate::number::count;
use crate::source::each_block;
use crate::{Error, Mask, MovieSource, Subtract};
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use rayon::iter::ParallelExtend;

/// Fewest frames a curve of three unknowns is fitted to.
const FEWEST: usize = 4;

/// Decays over the length of the movie that are looked at: from nearly a line to a hundredth of it.
const RATES: (f64, f64) = (1e-3, 100.0);

/// Rates per step of the first search.
const STEPS: usize = 60;

/// Mean fluorescence of the kept pixels in every frame.
///
/// Pixels are added row by row in each frame, so any blocks and threads give the same bits.
pub(super) fn mean_trace(
    movie: &(impl MovieSource + ?Sized),
    subtract: &Subtract,
    mask: &Mask,
) -> Result<Vec<f64>, Error> {
    let kept = mask.kept();
    let pixels = kept.iter().filter(|&&kept| kept).count();
    if pixels == 0 {
        return Err(Error::Empty {
            what: "set of kept pixels",
        });
    }
    let mut trace = Vec::with_capacity(movie.dim().0);
    each_block(movie, 0..movie.dim().0, |_, block| {
        let frames = block.axis_iter(Axis(0)).into_par_iter();
        let means = frames.map(|frame| {
            let values = frame.iter().zip(&kept).filter(|&(_, &kept)| kept);
            values.map(|(&value, _)| subtract.value(value)).sum::<f64>() / count(pixels)
        });
        trace.par_extend(means);
        Ok(())
    })?;
    Ok(trace)
}

/// The exponential `a exp(-k t) + c` with least squares from a trace, divided by its mean.
///
/// For each `k` the other two follow from linear regression, so only `k` is searched: over a grid of rates in
/// equal ratios, then between the neighbours of the best by golden section.
pub(super) fn curve(trace: &[f64]) -> Result<Vec<f64>, Error> {
    if trace.len() < FEWEST {
        return Err(Error::TooFewFrames {
            what: "a bleaching curve",
            needed: FEWEST,
            found: trace.len(),
        });
    }
    if trace.iter().any(|value| !value.is_finite()) {
        return Err(Error::NoCurve {
            reason: "the mean over the kept pixels is not finite in some frame",
        });
    }
    let (low, high) = (RATES.0.ln(), RATES.1.ln());
    let rate = |step: usize| (low + (high - low) * count(step) / count(STEPS)).exp();
    let cost = |rate: f64| regression(trace, rate).1;
    let best = (0..=STEPS).min_by(|&a, &b| cost(rate(a)).total_cmp(&cost(rate(b))));
    let best = best.unwrap_or(0);
    let between = (best.saturating_sub(1), (best + 1).min(STEPS));
    let rate = golden(rate(between.0).ln(), rate(between.1).ln(), |log| {
        cost(log.exp())
    })
    .exp();
    let (curve, _) = regression(trace, rate);
    let mean = curve.iter().sum::<f64>() / count(curve.len());
    let curve: Vec<f64> = curve.iter().map(|value| value / mean).collect();
    // Negative light divided by a negative mean would look like light.
    if mean > 0.0 && curve.iter().all(|value| value.is_finite() && *value > 0.0) {
        return Ok(curve);
    }
    Err(Error::NoCurve {
        reason: "the fitted light is not above 0 in every frame",
    })
}

/// The regression of the trace on `exp(-rate x)`, with `x` from 0 to 1 over the movie, and its sum of squares.
fn regression(trace: &[f64], rate: f64) -> (Vec<f64>, f64) {
    let n = count(trace.len());
    let last = count(trace.len() - 1);
    let decay: Vec<f64> = (0..trace.len())
        .map(|t| (-rate * count(t) / last).exp())
        .collect();
    let decay_mean = decay.iter().sum::<f64>() / n;
    let mean = trace.iter().sum::<f64>() / n;
    let pairs = || decay.iter().zip(trace);
    let products: f64 = pairs()
        .map(|(decay, value)| (decay - decay_mean) * (value - mean))
        .sum();
    let squares: f64 = decay.iter().map(|decay| (decay - decay_mean).powi(2)).sum();
    let slope = products / squares;
    let curve: Vec<f64> = decay
        .iter()
        .map(|decay| mean + slope * (decay - decay_mean))
        .collect();
    let rest = curve.iter().zip(trace);
    let rest = rest.map(|(curve, value)| (curve - value).powi(2)).sum();
    (curve, rest)
}

/// Where `cost` is least between `low` and `high`, if it falls and then rises.
fn golden(mut low: f64, mut high: f64, cost: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let mut left = high - ratio * (high - low);
    let mut right = low + ratio * (high - low);
    let (mut cost_left, mut cost_right) = (cost(left), cost(right));
    // Each turn keeps 0.618 of the range: 60 of them 3e-13.
    for _ in 0..60 {
        if cost_left <= cost_right {
            (high, right, cost_right) = (right, left, cost_left);
            left = high - ratio * (high - low);
            cost_left = cost(left);
        } else {
            (low, left, cost_left) = (left, right, cost_right);
            right = low + ratio * (high - low);
            cost_right = cost(right);
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decay_is_found_again() {
        for (a, tau, c) in [
            (300.0, 40.0, 700.0),
            (500.0, 900.0, 0.0),
            (-50.0, 10.0, 800.0),
        ] {
            let trace: Vec<f64> = (0..200).map(|t| a * (-count(t) / tau).exp() + c).collect();
            let mean = trace.iter().sum::<f64>() / 200.0;
            for (found, value) in curve(&trace).unwrap().iter().zip(&trace) {
                assert!((found * mean - value).abs() < 1e-6 * mean, "tau {tau}");
            }
        }
    }

    #[test]
    fn a_constant_has_a_flat_curve_and_a_ramp_nearly_a_line() {
        assert_eq!(curve(&[250.0; 9]).unwrap(), [1.0; 9]);
        let ramp: Vec<f64> = (0..50).map(|t| 1000.0 - count(t)).collect();
        for (found, value) in curve(&ramp).unwrap().iter().zip(&ramp) {
            // The slowest decay bends by 1e-3 / 8 of the change.
            assert!((found * 975.5 - value).abs() < 0.01);
        }
    }

    #[test]
    fn what_no_light_does_is_refused() {
        assert!(matches!(
            curve(&[1.0; 3]),
            Err(Error::TooFewFrames { found: 3, .. })
        ));
        for trace in [
            [1.0, f64::NAN, 1.0, 1.0],
            [0.0; 4],
            [-5.0, -4.0, -3.0, -2.0],
            [1.0, f64::INFINITY, 1.0, 1.0],
            [9.0, 0.0, -6.0, -9.0],
            [f64::MAX, f64::MIN, f64::MAX, f64::MIN],
        ] {
            assert!(
                matches!(curve(&trace), Err(Error::NoCurve { .. })),
                "{trace:?}"
            );
        }
    }
}
