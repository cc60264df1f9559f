//! Relative change of fluorescence, dF/F = (F - F0) / F0.

use crate::error::same_shape;
use crate::number::narrow;
use crate::{Baseline, Error, Mask, MovieSource, Normaliser, Subtract, TimeAxis};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis};
use std::fmt;

/// What the difference from F0 is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Denominator {
    /// F0 itself. Where it is 0 the result is infinite.
    #[default]
    F0,
    /// F0, but at least so many counts, 0 or more: dim pixels count less instead of exploding.
    Floor(f64),
    /// F0, but at least so many times, 0 or more, the noise of the pixel: `max(F0, k s)` with
    /// `s^2 = mean of (F(t + 1) - F(t))^2 / 2` over the movie. Differences of neighbouring frames see noise and
    /// hardly a slow response (von Neumann 1941). The same whatever gain and unit. At least 2 frames are needed.
    Noise(f64),
}

/// What is given for each pixel and frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quantity {
    /// `(F - F0) / D`, 0 at rest, with `D` from [`Denominator`].
    #[default]
    DeltaF,
    /// `1 + (F - F0) / D`, 1 at rest; `F / F0` where `D` is F0.
    Ratio,
}

/// How a movie becomes dF/F: baseline, denominator, quantity.
///
/// For movies that do not fit in memory, use [`DeltaF::prepare`] and blocks of frames: the numbers are the same.
///
/// ```
/// use widefield::{Baseline, DeltaF, Denominator, Quantity};
///
/// let movie = ndarray::array![[[100.0, 2.0]], [[125.0, 7.0]]];
/// let how = DeltaF::new(Baseline::frames(0..1)).denominator(Denominator::Floor(10.0)).quantity(Quantity::Ratio);
/// assert_eq!(how.to_string(), "F/F0, F0 = mean of frames 0..1, at least 10 counts");
/// let dff = how.compute(movie.view())?;
/// assert_eq!(dff.values, ndarray::array![[[1.0, 1.0]], [[1.25, 1.5]]]);
/// assert_eq!(dff.how, how);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DeltaF {
    baseline: Baseline,
    denominator: Denominator,
    quantity: Quantity,
}

/// What [`DeltaF::compute`] gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dff {
    /// (F - F0) / F0, `(t, y, x)`, dimensionless: 0.01 is one per cent. Or what else was asked for as
    /// [`Quantity`] and [`Denominator`].
    pub values: Array3<f32>,
    /// F0 in the unit of the movie, `(y, x)`; the mean over time if it changes.
    pub f0: Array2<f64>,
    /// Pixels whose values are not finite in some frame, as F0 is 0 or infinite. Pixels whose F0
    /// is NaN count as masked and are left out.
    pub nonfinite_pixels: usize,
    /// How these values came to be.
    pub how: DeltaF,
}

impl DeltaF {
    /// dF/F with F0 from `baseline`, divided by F0.
    pub fn new(baseline: Baseline) -> Self {
        Self {
            baseline,
            denominator: Denominator::F0,
            quantity: Quantity::DeltaF,
        }
    }

    /// The same with the baseline in frames, see [`Baseline::resolve`].
    #[must_use]
    pub fn resolve(&self, axis: &TimeAxis, n_frames: usize) -> Self {
        Self {
            baseline: self.baseline.resolve(axis, n_frames),
            ..self.clone()
        }
    }

    /// The same with another denominator.
    #[must_use]
    pub fn denominator(mut self, denominator: Denominator) -> Self {
        self.denominator = denominator;
        self
    }

    /// The same for another quantity.
    #[must_use]
    pub fn quantity(mut self, quantity: Quantity) -> Self {
        self.quantity = quantity;
        self
    }

    /// Where F0 comes from.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Estimates F0, and what else is needed before the first block of frames.
    ///
    /// Pixels that `mask` does not keep become NaN.
    ///
    /// # Errors
    /// As [`Baseline::estimate`]; [`Error::Parameter`] if the denominator is negative or not finite,
    /// [`Error::TooFewFrames`] if there is no noise to estimate.
    pub fn prepare(
        &self,
        movie: &(impl MovieSource + ?Sized),
        subtract: &Subtract,
        mask: &Mask,
    ) -> Result<Normaliser, Error> {
        let f0 = self.baseline.estimate(movie, subtract, mask)?;
        Normaliser::from_f0(f0, self.denominator, self.quantity, movie, subtract, mask)
    }

    /// dF/F of a movie `(t, y, x)` whose background is already taken off.
    ///
    /// F0, difference and quotient are f64, rounded once to f32. F0 = 0 gives infinity, or NaN where
    /// F is 0 too; masked pixels, NaN in the movie, stay NaN.
    ///
    /// ```
    /// use widefield::{Baseline, DeltaF};
    ///
    /// let movie = ndarray::array![[[100.0, 0.0]], [[125.0, 3.0]]];
    /// let dff = DeltaF::new(Baseline::frames(0..1)).compute(movie.view())?;
    /// assert_eq!(dff.values[(1, 0, 0)], 0.25);
    /// assert_eq!(dff.values[(1, 0, 1)], f32::INFINITY);
    /// assert_eq!(dff.nonfinite_pixels, 1);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`DeltaF::prepare`].
    pub fn compute(&self, clean: ArrayView3<'_, f32>) -> Result<Dff, Error> {
        let (_, height, width) = clean.dim();
        // Pixels without a number in some frame must stay out of what all pixels have in common.
        let mask = match self.baseline {
            Baseline::Bleaching { .. } => {
                Mask::from_kept(Subtract::NOTHING.mean(clean)?.mapv(|mean| !mean.is_nan()))
            }
            _ => Mask::keep_all((height, width)),
        };
        let normaliser = self.prepare(&clean, &Subtract::NOTHING, &mask)?;
        let mut values = Array3::zeros(clean.raw_dim());
        normaliser.block_into(&clean, 0, clean, values.view_mut())?;
        let f0 = normaliser.f0().image().to_owned();
        let kept = mask.kept();
        let masked = f0.iter().zip(&kept);
        let masked = masked.filter(|(f0, kept)| **kept && f0.is_nan()).count();
        Ok(Dff {
            values,
            nonfinite_pixels: normaliser.nonfinite_pixels() - masked,
            f0,
            how: self.clone(),
        })
    }
}

/// Quantity, baseline and denominator, in words.
impl fmt::Display for DeltaF {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantity = match self.quantity {
            Quantity::DeltaF => "dF/F0",
            Quantity::Ratio => "F/F0",
        };
        write!(f, "{quantity}, F0 = {}", self.baseline)?;
        match self.denominator {
            Denominator::F0 => Ok(()),
            Denominator::Floor(counts) => write!(f, ", at least {counts} counts"),
            Denominator::Noise(times) => write!(f, ", at least {times} times the noise"),
        }
    }
}

/// dF/F of a block of frames `(t, y, x)` of counts: `(F - F0) / F0` with `F` as [`Subtract::value`] gives it, so at
/// least 0 only where that clamps.
///
/// In f64, rounded once to f32. Pixels that `mask` does not keep are NaN in every frame; F0 = 0 gives
/// infinity, or NaN where F is 0 too. Every value depends on its own pixel alone, so blocks of any
/// length and any number of threads give the same bits.
///
/// ```
/// use ndarray::{Array3, array};
/// use widefield::{Mask, Subtract, dff};
///
/// let block = array![[[160.0, 70.0]], [[185.0, 10.0]]];
/// let subtract = Subtract { background: 60.0, clamp_negative: true };
/// let mask = Mask::from_kept(array![[true, true]]);
/// let mut out = Array3::zeros((2, 1, 2));
/// dff::normalise_into(block.view(), &subtract, array![[100.0, 10.0]].view(), &mask, out.view_mut())?;
/// assert_eq!(out, array![[[0.0, 0.0]], [[0.25, -1.0]]]);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if F0, mask or output do not have the shape of the block.
pub fn normalise_into(
    block: ArrayView3<'_, f32>,
    subtract: &Subtract,
    f0: ArrayView2<'_, f64>,
    mask: &Mask,
    mut out: ArrayViewMut3<'_, f32>,
) -> Result<(), Error> {
    same_shape("F0", &block.shape()[1..], f0.shape())?;
    same_shape("mask", &block.shape()[1..], mask.kept().shape())?;
    same_shape("dF/F", block.shape(), out.shape())?;
    // NaN as F0 makes every value of a masked pixel NaN without a second look at the mask.
    let mut f0 = f0.as_standard_layout().into_owned();
    f0.zip_mut_with(&mask.kept(), |f0, &kept| {
        if !kept {
            *f0 = f64::NAN;
        }
    });
    let (background, floor) = (subtract.background, subtract.floor());
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(block.axis_iter(Axis(0)))
        .for_each(|(mut out, frame)| {
            if let (Some(out), Some(frame), Some(f0)) =
                (out.as_slice_mut(), frame.as_slice(), f0.as_slice())
            {
                return normalise(frame, f0, background, floor, out);
            }
            ndarray::Zip::from(&mut out)
                .and(frame)
                .and(&f0)
                .for_each(|out, &count, &f0| {
                    *out = delta(count, f0, background, floor);
                });
        });
    Ok(())
}

/// Kept pixels whose dF/F is not finite in some frame, because F0 is 0 or not finite.
///
/// Pixels beyond the smaller of two different shapes are not looked at.
///
/// ```
/// use ndarray::array;
/// use widefield::{Mask, dff};
///
/// let mask = Mask::from_kept(array![[true, true, false]]);
/// assert_eq!(dff::nonfinite_pixels(array![[0.0, 5.0, 0.0]].view(), &mask), 1);
/// ```
pub fn nonfinite_pixels(f0: ArrayView2<'_, f64>, mask: &Mask) -> usize {
    f0.rows()
        .into_iter()
        .zip(mask.kept().rows())
        .flat_map(|(f0, kept)| f0.into_iter().zip(kept))
        .filter(|&(&f0, &kept)| kept && (f0 == 0.0 || !f0.is_finite()))
        .count()
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn normalise(counts: &[f32], f0: &[f64], background: f64, floor: f64, out: &mut [f32]) {
    for ((out, &count), &f0) in out.iter_mut().zip(counts).zip(f0) {
        *out = delta(count, f0, background, floor);
    }
}

#[inline(always)]
fn delta(count: f32, f0: f64, background: f64, floor: f64) -> f32 {
    let value = f64::from(count) - background;
    let value = if value < floor { floor } else { value };
    narrow((value - f0) / f0)
}
