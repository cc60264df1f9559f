//! The light that is no fluorescence, from one frame.

use ndarray::ArrayView2;
use widefield::background::Rectangle;
use widefield::{Background, direct, smooth};

use super::{Failure, Variant};

/// Level in counts that a frame `(y, x)` of counts stands on.
pub type Run = fn(ArrayView2<'_, f32>) -> Result<f64, Failure>;

/// Ways to estimate the background. Differences are in counts.
pub const VARIANTS: &[Variant<Run>] = &[
    Variant {
        name: "gaussian_fit",
        run: gaussian_fit,
        within: Some(1e-4),
        slow: false,
    },
    Variant {
        name: "coarse_fit",
        run: coarse_fit,
        within: None,
        slow: false,
    },
    Variant {
        name: "bounded_fit",
        run: bounded_fit,
        within: None,
        slow: false,
    },
    Variant {
        name: "percentile_5",
        run: |frame| level(Background::Percentile { percentile: 5.0 }, frame),
        within: None,
        slow: false,
    },
    Variant {
        name: "percentile_1_smoothed",
        run: percentile_1_smoothed,
        within: None,
        slow: false,
    },
    Variant {
        name: "mode",
        run: |frame| level(Background::Mode, frame),
        within: None,
        slow: false,
    },
    Variant {
        name: "most_frequent_count",
        run: most_frequent_count,
        within: None,
        slow: false,
    },
    Variant {
        name: "rectangle",
        run: rectangle,
        within: None,
        slow: false,
    },
    Variant {
        name: "direct",
        run: reference,
        within: Some(0.0),
        slow: true,
    },
];

/// The smoothing of the fit: 30 px where the longer side has 256.
fn smoothing_sd_px(frame: ArrayView2<'_, f32>) -> f64 {
    30.0 * frame.nrows().max(frame.ncols()) as f64 / 256.0
}

/// Smoothed by the definition, fitted with a residual and seven derivatives for every pixel.
///
/// # Errors
/// If the fit does not converge.
pub fn reference(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let wide = frame.mapv(f64::from);
    let smooth = direct::gaussian_filter(wide.view(), smoothing_sd_px(frame));
    let (height, width) = (frame.nrows() as f64, frame.ncols() as f64);
    let highest = smooth.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let lowest = smooth.fold(f64::INFINITY, |a, &b| a.min(b));
    let start = [
        highest,
        width / 2.0,
        height / 2.0,
        (width / 10.0).max(1.0),
        (height / 10.0).max(1.0),
        0.0,
        lowest,
    ];
    let (fitted, converged) = direct::gaussian_fit(smooth.view(), start);
    if converged {
        Ok(fitted[6])
    } else {
        Err("the fit does not converge".into())
    }
}

fn level(background: Background, frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    Ok(background.estimate(frame)?.value)
}

fn gaussian_fit(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    level(Background::default(), frame)
}

/// Fitted to blocks of an eighth of the smoothing: nearly the same offset from far fewer pixels.
fn coarse_fit(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let fit = Background::CoarseFit {
        smoothing_sd_px: None,
        step_px: None,
    };
    level(fit, frame)
}

/// The offset no lower than 0 and no higher than the 5th percentile.
fn bounded_fit(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let smoothing_sd_px = None;
    level(Background::BoundedFit { smoothing_sd_px }, frame)
}

/// The darkest part of the frame without its noise.
fn percentile_1_smoothed(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let wide = frame.mapv(f64::from);
    let smooth = smooth::gaussian(wide.view(), smoothing_sd_px(frame) / 10.0)?;
    Ok(Background::Percentile { percentile: 1.0 }
        .estimate_image(smooth.view())?
        .value)
}

/// The count that most pixels have.
fn most_frequent_count(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let mut counts: Vec<f32> = frame.iter().map(|count| count.round()).collect();
    counts.sort_unstable_by(f32::total_cmp);
    let runs = counts.chunk_by(|a, b| a == b);
    let longest = runs.max_by_key(|run| run.len()).ok_or("no pixel")?;
    Ok(longest[0].into())
}

/// The mean of the upper left 1/16 of each side, which must be outside the window.
fn rectangle(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let corner = Rectangle {
        x: 0,
        y: 0,
        width: frame.ncols().div_ceil(16),
        height: frame.nrows().div_ceil(16),
    };
    level(Background::Rectangle { rectangle: corner }, frame)
}
