//! Counts of a pixel without fluorescence, estimated from one frame.

pub mod gaussian_fit;
mod moments;

use crate::order::percentile;
use crate::{Error, Subtract, smooth};
use gaussian_fit::GaussianFit;
use ndarray::{ArrayView2, ArrayView3};

/// How the background is estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Background {
    /// The offset of a rotated 2-D Gaussian fitted to the smoothed frame, [`GaussianFit::of`].
    ///
    /// Suits light that is brightest in the middle and fades to the edges. A bright window with hard
    /// edges and flat light makes the fit undershoot, by thousands of counts where the image has tens
    /// of thousands; [`BackgroundLevel::implausible`] then tells.
    GaussianFit {
        /// Standard deviation of the smoothing before the fit, pixels of the frame; 0 for none.
        smoothing_sd_px: f64,
    },
}

/// An estimated background.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BackgroundLevel {
    /// The background in counts.
    pub value: f64,
    /// The fit it comes from.
    pub fit: Option<GaussianFit>,
    /// 5th percentile of the smoothed frame, counts: a background above it is hardly one.
    pub plausible_max: f64,
    /// Whether the background is below 0 or above [`BackgroundLevel::plausible_max`]. The value is
    /// kept as it was estimated.
    pub implausible: bool,
}

impl Background {
    /// Background of one frame `(y, x)` of counts.
    ///
    /// ```
    /// use widefield::Background;
    ///
    /// // Light that fades from 1000 counts in the middle of 64 x 64 px to the offset of 60.
    /// let frame = ndarray::Array2::from_shape_fn((64, 64), |(y, x)| {
    ///     let (dx, dy) = (x as f32 - 30.0, y as f32 - 33.0);
    ///     60.0 + 940.0 * (-(dx * dx + dy * dy) / 72.0).exp()
    /// });
    /// let level = Background::GaussianFit { smoothing_sd_px: 2.0 }.estimate(frame.view())?;
    /// assert!((level.value - 60.0).abs() < 0.1);
    /// assert!(!level.implausible);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Background::estimate_image`].
    pub fn estimate(self, frame: ArrayView2<'_, f32>) -> Result<BackgroundLevel, Error> {
        self.estimate_image(frame.mapv(f64::from).view())
    }

    /// Background of the mean over the frames of `(t, y, x)`.
    ///
    /// # Errors
    /// [`Error::Empty`] without a frame, and those of [`Background::estimate_image`].
    pub fn estimate_mean(self, frames: ArrayView3<'_, f32>) -> Result<BackgroundLevel, Error> {
        self.estimate_image(Subtract::NOTHING.mean(frames)?.view())
    }

    /// Background of an image `(y, x)` of counts in f64.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a pixel is NaN or infinite, [`Error::ZeroVariance`] if all are equal,
    /// [`Error::TooFewPixels`] below 7, [`Error::Parameter`] if the smoothing is not possible,
    /// [`Error::NotConverged`] if the fit finds no minimum.
    pub fn estimate_image(self, image: ArrayView2<'_, f64>) -> Result<BackgroundLevel, Error> {
        let Self::GaussianFit { smoothing_sd_px } = self;
        gaussian_fit::check(image)?;
        let smoothed = smooth::gaussian(image, smoothing_sd_px)?;
        let fit = GaussianFit::of(smoothed.view())?;
        let plausible_max = percentile(smoothed, 5.0).unwrap_or(f64::NAN);
        let implausible = fit.offset < 0.0 || fit.offset > plausible_max;
        Ok(BackgroundLevel {
            value: fit.offset,
            fit: Some(fit),
            plausible_max,
            implausible,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn unusable_frames_are_typed_errors() {
        let fit = Background::GaussianFit {
            smoothing_sd_px: 3.0,
        };
        assert!(matches!(
            fit.estimate(Array2::from_elem((9, 9), 100.0).view()),
            Err(Error::ZeroVariance { value: 100.0, .. })
        ));
        assert!(matches!(
            fit.estimate(Array2::zeros((0, 9)).view()),
            Err(Error::Empty { .. })
        ));
        assert!(matches!(
            fit.estimate(Array2::zeros((1, 1)).view()),
            Err(Error::TooFewPixels { .. })
        ));
        let mut frame = Array2::from_shape_fn((9, 9), |(y, x)| (y + x) as f32);
        frame[(4, 5)] = f32::NAN;
        assert!(matches!(
            fit.estimate(frame.view()),
            Err(Error::NotFinite { y: 4, x: 5, .. })
        ));
        frame[(4, 5)] = 0.0;
        let bad = Background::GaussianFit {
            smoothing_sd_px: -1.0,
        };
        assert!(matches!(
            bad.estimate(frame.view()),
            Err(Error::Parameter { .. })
        ));
    }
}
