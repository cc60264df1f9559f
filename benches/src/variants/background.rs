//! The light that is no fluorescence, from one frame.

use ndarray::{Array2, ArrayView2, s};
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
        name: "percentile_5",
        run: percentile_5,
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
        run: mode,
        within: None,
        slow: false,
    },
    Variant {
        name: "dark_corner",
        run: dark_corner,
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

/// The smoothing of the fit: 30 px on a side of 256.
fn smoothing_sd_px(frame: ArrayView2<'_, f32>) -> f64 {
    30.0 / 256.0 * frame.nrows() as f64
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

fn gaussian_fit(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let smoothing_sd_px = smoothing_sd_px(frame);
    Ok(Background::GaussianFit { smoothing_sd_px }
        .estimate(frame)?
        .value)
}

/// A level that 5 % of the pixels are below.
fn percentile_5(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    percentile(frame.mapv(f64::from), 5)
}

/// The darkest part of the frame without its noise.
fn percentile_1_smoothed(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let wide = frame.mapv(f64::from);
    percentile(
        smooth::gaussian(wide.view(), smoothing_sd_px(frame) / 10.0)?,
        1,
    )
}

fn percentile(frame: Array2<f64>, percent: usize) -> Result<f64, Failure> {
    let (mut values, _) = frame.into_raw_vec_and_offset();
    let last = values.len().checked_sub(1).ok_or("no pixel")?;
    let (_, value, _) = values.select_nth_unstable_by(last * percent / 100, f64::total_cmp);
    Ok(*value)
}

/// The most frequent count.
fn mode(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let mut counts: Vec<f32> = frame.iter().map(|count| count.round()).collect();
    counts.sort_unstable_by(f32::total_cmp);
    let runs = counts.chunk_by(|a, b| a == b);
    let longest = runs.max_by_key(|run| run.len()).ok_or("no pixel")?;
    Ok(longest[0].into())
}

/// The mean of the upper left 1/16 of each side, which must be outside the window.
fn dark_corner(frame: ArrayView2<'_, f32>) -> Result<f64, Failure> {
    let (height, width) = (frame.nrows().div_ceil(16), frame.ncols().div_ceil(16));
    let corner = frame.slice(s![..height, ..width]).mapv(f64::from);
    Ok(corner.mean().ok_or("no pixel")?)
}
