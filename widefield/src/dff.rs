//! Relative change of fluorescence, dF/F = (F - F0) / F0.

use crate::error::same_shape;
use crate::number::narrow;
use crate::{Baseline, Error, Mask, Subtract};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis};

/// dF/F of a movie in memory.
///
/// For movies that do not fit, use [`Baseline::f0`] and [`normalise_into`] on blocks of frames: the
/// numbers are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaF {
    baseline: Baseline,
}

/// What [`DeltaF::compute`] gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dff {
    /// (F - F0) / F0, `(t, y, x)`, dimensionless: 0.01 is one per cent.
    pub values: Array3<f32>,
    /// F0 in the unit of the movie, `(y, x)`.
    pub f0: Array2<f64>,
    /// Pixels whose F0 is 0 or infinite, so that dF/F is not finite in some frame. Pixels whose F0
    /// is NaN count as masked and are left out.
    pub nonfinite_pixels: usize,
}

impl DeltaF {
    /// dF/F with F0 from `baseline`.
    pub fn new(baseline: Baseline) -> Self {
        Self { baseline }
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
    /// [`Error::BaselineEmpty`] or [`Error::BaselineBeyondEnd`] if the baseline does not fit the movie.
    pub fn compute(&self, clean: ArrayView3<'_, f32>) -> Result<Dff, Error> {
        let f0 = self.baseline.f0(clean, &Subtract::NOTHING)?;
        let mut values = Array3::zeros(clean.raw_dim());
        let masked = Mask::from_kept(f0.mapv(|f0| !f0.is_nan()));
        normalise_into(
            clean,
            &Subtract::NOTHING,
            f0.view(),
            &masked,
            values.view_mut(),
        )?;
        let nonfinite_pixels = nonfinite_pixels(f0.view(), &masked);
        Ok(Dff {
            values,
            f0,
            nonfinite_pixels,
        })
    }
}

/// dF/F of a block of frames `(t, y, x)` of counts: `(F - F0) / F0` with `F = max(count - background, 0)`.
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
