//! Which pixels are brain: thresholds on the mean image.

pub mod density;
#[cfg(feature = "serde")]
mod runs;

use crate::Error;
use density::Density;
use ndarray::{Array2, ArrayView2, ArrayViewMut3, Axis};

/// How the dark surround is told from the brain.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Segmentation {
    /// The first of 500 brightnesses from 0 to the maximum whose density, per count, is below this
    /// cutoff is the threshold; darker pixels are masked. 0.0002 suits 16-bit counts; a larger cutoff
    /// keeps more pixels.
    ///
    /// The density is that of [`Density::estimate`]. It is per count, so the cutoff must be chosen
    /// anew when gain, exposure or binning change.
    DensityCutoff(f64),
}

impl Segmentation {
    /// Mask of a mean image `(y, x)` in counts.
    ///
    /// When already the density at 0 is below the cutoff the threshold is 0 and nothing is masked
    /// (unless pixels are negative); [`Mask::threshold_zero`] tells.
    ///
    /// ```
    /// use widefield::Segmentation;
    ///
    /// // A dark surround between 0 and 9 counts, a brain between 1000 and 1009.
    /// let mean = ndarray::Array2::from_shape_fn((20, 10), |(y, x)| if y < 5 { x as f64 } else { 1000.0 + x as f64 });
    /// let mask = Segmentation::DensityCutoff(1e-5).mask(mean.view())?;
    /// assert_eq!(mask.masked_pixels(), 50);
    /// assert!(mask.threshold() > 9.0 && mask.threshold() < 1000.0);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if the cutoff is NaN, those of [`Density::estimate`], and
    /// [`Error::NoDensityBelow`] if the density is nowhere below the cutoff.
    pub fn mask(self, mean: ArrayView2<'_, f64>) -> Result<Mask, Error> {
        let Self::DensityCutoff(cutoff) = self;
        if cutoff.is_nan() {
            return Err(Error::Parameter {
                name: "density_cutoff",
                value: cutoff,
                expected: "a density per count",
            });
        }
        let density = Density::estimate(mean)?;
        let Some(threshold_index) = density.first_below(cutoff) else {
            let lowest = density
                .values()
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            let points = density.values().len();
            return Err(Error::NoDensityBelow {
                cutoff,
                lowest,
                points,
                max: density.point(points - 1),
            });
        };
        let threshold = density.point(threshold_index);
        // Written so that a pixel equal to the threshold is kept.
        let kept = mean.mapv(|value| value >= threshold);
        Ok(Mask {
            kept,
            threshold,
            threshold_index,
            density: Some(density),
        })
    }
}

/// Which pixels are kept, and how that was decided.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mask {
    #[cfg_attr(feature = "serde", serde(with = "runs"))]
    kept: Array2<bool>,
    threshold: f64,
    threshold_index: usize,
    density: Option<Density>,
}

impl Mask {
    /// Keeps every pixel of frames of the shape `(height, width)`.
    pub fn none(dim: (usize, usize)) -> Self {
        Self::from_kept(Array2::from_elem(dim, true))
    }

    /// A mask made elsewhere: `true` where a pixel `(y, x)` is kept.
    pub fn from_kept(kept: Array2<bool>) -> Self {
        Self {
            kept,
            threshold: 0.0,
            threshold_index: 0,
            density: None,
        }
    }

    /// `true` where a pixel `(y, x)` is kept.
    pub fn kept(&self) -> ArrayView2<'_, bool> {
        self.kept.view()
    }

    /// Number of pixels that are not kept.
    pub fn masked_pixels(&self) -> usize {
        self.kept.iter().filter(|&&kept| !kept).count()
    }

    /// Brightness below which pixels are masked, counts; 0 for a mask made elsewhere.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Which grid point of the density the threshold is, from 0; 0 for a mask made elsewhere.
    pub fn threshold_index(&self) -> usize {
        self.threshold_index
    }

    /// Whether the threshold is the first point of the density, brightness 0, so that it masks
    /// nothing: a sign that the cutoff does not suit the image.
    pub fn threshold_zero(&self) -> bool {
        self.density.is_some() && self.threshold_index == 0
    }

    /// Density per count at brightness `i * grid_step()`; empty for a mask made elsewhere.
    pub fn density(&self) -> &[f64] {
        self.density.as_ref().map_or(&[], Density::values)
    }

    /// Distance of the points of [`Mask::density`], counts; 0 for a mask made elsewhere.
    pub fn grid_step(&self) -> f64 {
        self.density.as_ref().map_or(0.0, Density::step)
    }

    /// Makes the masked pixels of every frame `(t, y, x)` NaN.
    ///
    /// ```
    /// let mask = widefield::Mask::from_kept(ndarray::array![[true, false]]);
    /// let mut movie = ndarray::array![[[1.0, 2.0]], [[3.0, 4.0]]];
    /// mask.apply(movie.view_mut())?;
    /// assert_eq!(movie[(1, 0, 0)], 3.0);
    /// assert!(movie[(1, 0, 1)].is_nan());
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape than the mask.
    pub fn apply(&self, mut movie: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        crate::error::same_shape("movie to mask", self.kept.shape(), &movie.shape()[1..])?;
        for mut frame in movie.axis_iter_mut(Axis(0)) {
            frame.zip_mut_with(&self.kept, |value, &kept| {
                if !kept {
                    *value = f32::NAN;
                }
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 400 pixels: a quarter around 5 counts, the rest around 100.
    fn image() -> Array2<f64> {
        Array2::from_shape_fn(
            (20, 20),
            |(y, x)| if y < 5 { 5.0 } else { 100.0 } + crate::number::count(x % 5),
        )
    }

    #[test]
    fn no_point_below_names_the_lowest_density_and_the_way_out() {
        let error = Segmentation::DensityCutoff(0.0)
            .mask(image().view())
            .unwrap_err();
        let Error::NoDensityBelow {
            points: 500,
            lowest,
            max,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert!(lowest > 0.0);
        assert_eq!(max, 104.0);
        assert!(error.to_string().contains("relative to the peak"));
    }

    #[test]
    fn first_point_below_masks_nothing_and_says_so() {
        let mask = Segmentation::DensityCutoff(1.0)
            .mask(image().view())
            .unwrap();
        assert!(mask.threshold_zero());
        assert_eq!((mask.threshold(), mask.masked_pixels()), (0.0, 0));
    }

    #[test]
    fn a_pixel_at_the_threshold_is_kept() {
        let mask = Segmentation::DensityCutoff(1e-3)
            .mask(image().view())
            .unwrap();
        assert!(!mask.threshold_zero());
        assert_eq!(mask.masked_pixels(), 100);
        assert_eq!(
            mask.threshold(),
            mask.grid_step() * crate::number::count(mask.threshold_index())
        );
        let mut exact = image();
        exact[(19, 19)] = mask.threshold();
        // The added pixel moves the density a little; what counts is >= at whatever threshold results.
        let mask = Segmentation::DensityCutoff(1e-3)
            .mask(exact.view())
            .unwrap();
        for (kept, value) in mask.kept().iter().zip(&exact) {
            assert_eq!(*kept, *value >= mask.threshold());
        }
    }

    #[test]
    fn a_mask_made_elsewhere_has_no_density() {
        let mask = Mask::none((2, 3));
        assert_eq!(
            (
                mask.masked_pixels(),
                mask.density().len(),
                mask.threshold_zero()
            ),
            (0, 0, false)
        );
        assert!(
            mask.apply(ndarray::Array3::zeros((1, 3, 2)).view_mut())
                .is_err()
        );
    }
}
