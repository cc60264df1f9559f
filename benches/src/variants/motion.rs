//! Where the content of frames lies against a reference.

use ndarray::{Array2, ArrayView2, ArrayView3};
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::f32::consts::TAU;
use std::sync::Arc;
use widefield::motion::Rigid;
use widefield::{Resize, Size};

use super::{Failure, Variant};

/// How far down and to the right the content of each frame `(t, y, x)` lies against the reference `(y, x)`, px.
pub type Run = fn(ArrayView2<'_, f32>, ArrayView3<'_, f32>) -> Result<Vec<[f64; 2]>, Failure>;

/// Ways to measure motion. Their reference is the truth; differences are px rms in y or in x, whichever is larger.
pub const VARIANTS: &[Variant<Run>] = &[
    Variant {
        name: "rigid",
        run: |reference, frames| measured(Rigid::default(), reference, frames),
        within: Some(0.03),
        slow: false,
    },
    Variant {
        name: "rigid_binned_2",
        run: |reference, frames| binned(2, reference, frames),
        within: Some(0.15),
        slow: false,
    },
    Variant {
        name: "rigid_binned_4",
        run: |reference, frames| binned(4, reference, frames),
        within: None,
        slow: false,
    },
    Variant {
        name: "whole_pixels",
        run: whole_pixels,
        within: Some(0.35),
        slow: false,
    },
    Variant {
        name: "without_large_end",
        run: |reference, frames| band((1.15, 64.0), reference, frames),
        within: None,
        slow: false,
    },
    Variant {
        name: "without_small_end",
        run: |reference, frames| band((0.0, 8.0), reference, frames),
        within: None,
        slow: false,
    },
    Variant {
        name: "whitened",
        run: whitened,
        within: None,
        slow: false,
    },
];

fn measured(
    rigid: Rigid,
    reference: ArrayView2<'_, f32>,
    frames: ArrayView3<'_, f32>,
) -> Result<Vec<[f64; 2]>, Failure> {
    let shifts = rigid.reference(reference)?.shifts(frames)?;
    Ok(shifts.iter().map(|s| [s.dy_px, s.dx_px]).collect())
}

/// Compares structures between other limits.
fn band(
    band_px: (f64, f64),
    reference: ArrayView2<'_, f32>,
    frames: ArrayView3<'_, f32>,
) -> Result<Vec<[f64; 2]>, Failure> {
    let rigid = Rigid {
        band_px,
        ..Rigid::default()
    };
    measured(rigid, reference, frames)
}

/// On means of `side` x `side` px, which takes part of the time.
fn binned(
    side: usize,
    reference: ArrayView2<'_, f32>,
    frames: ArrayView3<'_, f32>,
) -> Result<Vec<[f64; 2]>, Failure> {
    let to = Size {
        width: reference.ncols() / side,
        height: reference.nrows() / side,
    };
    let reference = Resize::Binning.frame(reference, to)?;
    let frames = Resize::Binning.movie(frames, to)?;
    let shifts = measured(Rigid::default(), reference.view(), frames.view())?;
    let large = shifts.iter().map(|shift| shift.map(|px| px * side as f64));
    Ok(large.collect())
}

/// The highest pixel alone.
fn whole_pixels(
    reference: ArrayView2<'_, f32>,
    frames: ArrayView3<'_, f32>,
) -> Result<Vec<[f64; 2]>, Failure> {
    let shifts = measured(Rigid::default(), reference, frames)?;
    Ok(shifts.iter().map(|shift| shift.map(f64::round)).collect())
}

/// Phase correlation: under a Hann window, every frequency with the same weight, any shift; a parabola along each axis
/// around the highest pixel.
fn whitened(
    reference: ArrayView2<'_, f32>,
    frames: ArrayView3<'_, f32>,
) -> Result<Vec<[f64; 2]>, Failure> {
    let (height, width) = reference.dim();
    let mut planner = FftPlanner::new();
    let [along_x, along_y] = [width, height].map(|n| planner.plan_fft_forward(n));
    let [back_x, back_y] = [width, height].map(|n| planner.plan_fft_inverse(n));
    let spectrum = |image| transformed(windowed(image), &along_x, &along_y);
    let reference = spectrum(reference);
    let shifts = frames.outer_iter().map(|frame| {
        let mut product = spectrum(frame);
        product.zip_mut_with(&reference, |value, reference| {
            let cross = *value * reference.conj();
            *value = cross / cross.norm().max(f32::MIN_POSITIVE);
        });
        let correlation = transformed(product, &back_y, &back_x);
        highest(&correlation.mapv(|value| f64::from(value.re)))
    });
    Ok(shifts.collect())
}

/// Without its mean and without its edges.
fn windowed(image: ArrayView2<'_, f32>) -> Array2<Complex32> {
    let (height, width) = image.dim();
    let mean = image.mean().unwrap_or(0.0);
    let hann = |i: usize, n: usize| 0.5 - 0.5 * (TAU * (i + 1) as f32 / (n + 1) as f32).cos();
    Array2::from_shape_fn((height, width), |(y, x)| {
        Complex32::from((image[(y, x)] - mean) * hann(y, height) * hann(x, width))
    })
}

/// Along rows, then along columns; the result has rows and columns exchanged.
fn transformed(
    mut image: Array2<Complex32>,
    rows: &Arc<dyn Fft<f32>>,
    columns: &Arc<dyn Fft<f32>>,
) -> Array2<Complex32> {
    let transform = |image: &mut Array2<Complex32>, fft: &Arc<dyn Fft<f32>>| {
        // Made in order, each time.
        fft.process(image.as_slice_mut().unwrap_or_default());
    };
    transform(&mut image, rows);
    let mut turned = image.t().as_standard_layout().into_owned();
    transform(&mut turned, columns);
    turned
}

/// Where a correlation that goes round its edges is highest.
fn highest(correlation: &Array2<f64>) -> [f64; 2] {
    let (height, width) = correlation.dim();
    let higher = correlation
        .indexed_iter()
        .max_by(|(_, a), (_, b)| a.total_cmp(b));
    let (y, x) = higher.map_or((0, 0), |(place, _)| place);
    let top = |i: usize, n: usize, at: &dyn Fn(usize) -> f64| {
        let [before, here, after] = [at((i + n - 1) % n), at(i), at((i + 1) % n)];
        let off = 0.5 * (before - after) / (before - 2.0 * here + after);
        let off = if off.is_finite() { off } else { 0.0 };
        off + if 2 * i > n {
            i as f64 - n as f64
        } else {
            i as f64
        }
    };
    [
        top(y, height, &|y| correlation[(y, x)]),
        top(x, width, &|x| correlation[(y, x)]),
    ]
}
