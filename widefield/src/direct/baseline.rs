//! F0 of one trace by definition.

use crate::Baseline;
use crate::baseline::{Frames, Span};
use crate::number::{count, index};

/// F0 of every frame of a trace of fluorescence without NaN, see [`Baseline`]; the range of frames must lie
/// within it. Empty for [`Baseline::Bleaching`], which is no matter of one trace, and for times in seconds.
pub fn baseline(trace: &[f64], baseline: &Baseline) -> Vec<f64> {
    let n = trace.len();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count(values.len());
    let window = |frame: usize, span: usize| {
        frame.saturating_sub(span / 2)..frame.saturating_add((span - 1) / 2 + 1).min(n)
    };
    match *baseline {
        Baseline::Frames(Frames::Range(ref frames)) => vec![mean(&trace[frames.clone()]); n],
        Baseline::Mean => vec![mean(trace); n],
        Baseline::Median => vec![percentile(trace, 50.0); n],
        Baseline::Percentile {
            percentile: percent,
        } => vec![percentile(trace, percent); n],
        Baseline::SlidingPercentile {
            percentile: percent,
            span: Span::Frames { frames: span },
        } => (0..n)
            .map(|frame| percentile(&trace[window(frame, index(span))], percent))
            .collect(),
        Baseline::Maximin {
            span: Span::Frames { frames: span },
            smoothing: Span::Frames { frames: sd },
        } => {
            let smooth = smooth(trace, sd);
            let extreme = |values: &[f64], choose: fn(f64, f64) -> f64| -> Vec<f64> {
                let around = |frame| values[window(frame, index(span))].iter().copied();
                (0..n)
                    .map(|frame| around(frame).reduce(choose).unwrap_or(f64::NAN))
                    .collect()
            };
            extreme(&extreme(&smooth, f64::min), f64::max)
        }
        _ => Vec::new(),
    }
}

/// Noise of a trace from differences of neighbouring frames, see [`crate::Denominator::Noise`].
pub fn noise(trace: &[f64]) -> f64 {
    let squares = trace.windows(2).map(|pair| (pair[1] - pair[0]).powi(2));
    (squares.sum::<f64>() / 2.0 / count(trace.len() - 1)).sqrt()
}

fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = percent / 100.0 * count(sorted.len() - 1);
    let lower = sorted[index(place)];
    match sorted.get(index(place) + 1) {
        Some(upper) => lower + (upper - lower) * place.fract(),
        None => lower,
    }
}

/// Gaussian filter of a trace that is continued by reflection.
fn smooth(trace: &[f64], sd: f64) -> Vec<f64> {
    let radius = index(4.0 * sd + 0.5);
    if radius == 0 {
        return trace.to_vec();
    }
    let period = 2 * trace.len();
    let weight = |i: usize| (-0.5 * (count(i.abs_diff(radius)) / sd).powi(2)).exp();
    let total: f64 = (0..=2 * radius).map(weight).sum();
    (0..trace.len())
        .map(|frame| {
            let at = |i: usize| {
                let place = (frame + i + period * radius - radius) % period;
                trace[place.min(period - 1 - place)]
            };
            (0..=2 * radius).map(|i| weight(i) * at(i)).sum::<f64>() / total
        })
        .collect()
}
