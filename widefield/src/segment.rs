//! Which pixels are brain: thresholds on the mean image.

pub mod density;
mod regions;
#[cfg(feature = "serde")]
mod runs;
mod threshold;

use crate::Error;
use crate::percentiles::percentile;
use density::Density;
use ndarray::{Array2, ArrayView2, ArrayViewMut3, Axis};
use std::fmt;

/// How the dark surround is told from the brain.
///
/// Every rule is a threshold on the mean image: darker pixels are masked. What a threshold alone leaves untidy,
/// [`Mask::largest_component`] and [`Mask::fill_holes`] put right. With the feature `serde` this is what the table
/// `[analysis.segmentation]` of an experiment file holds: `method` and the parameter of the variant.
///
/// ```
/// use widefield::Segmentation;
///
/// // A dark surround between 0 and 9 counts, a brain between 1000 and 1009.
/// let mean = ndarray::Array2::from_shape_fn((20, 10), |(y, x)| if y < 5 { x as f64 } else { 1000.0 + x as f64 });
/// for rule in [
///     Segmentation::DensityCutoff { density_cutoff: 1e-5 },
///     Segmentation::RelativeCutoff { relative_cutoff: 0.05 },
///     Segmentation::Otsu,
///     Segmentation::Percentile { percentile: 25.0 },
/// ] {
///     assert_eq!(rule.mask(mean.view())?.masked_pixels(), 50, "{rule}");
/// }
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Segmentation {
    /// The first of 500 brightnesses from 0 to the maximum whose density, per count, is below this
    /// cutoff is the threshold; darker pixels are masked. 0.0002 suits 16-bit counts; a larger cutoff
    /// keeps more pixels.
    ///
    /// The density is that of [`Density::from_image`]. It is per count, so the cutoff must be chosen
    /// anew when gain, exposure or binning change.
    DensityCutoff {
        /// Density per count, above 0.
        #[cfg_attr(feature = "serde", serde(default = "defaults::density"))]
        density_cutoff: f64,
    },
    /// The first brightness above the darkest mode at which the density falls below this share, 0 to 1, of its
    /// peak; 0.05 is a start. The darkest mode begins where the density first reaches that share, on 500
    /// points from the darkest pixel to the brightest. Gain and offset of the counts change nothing.
    RelativeCutoff {
        /// Share of the peak, between 0 and 1.
        #[cfg_attr(feature = "serde", serde(default = "defaults::share"))]
        relative_cutoff: f64,
    },
    /// The split into two classes with the largest variance between them (Otsu 1979), over all splits of the
    /// sorted pixels, without a histogram; the threshold is the darkest pixel of the brighter class. Right for
    /// two classes of about even light; shading within the brain pulls it up.
    Otsu,
    /// The bin of the histogram, 256 bins from the darkest to the brightest pixel, that is farthest below the line
    /// from its peak to the farther end (Zack 1977); the threshold is the middle of that bin. Right for a narrow
    /// dark peak and a long bright tail.
    Triangle,
    /// So many per cent of the pixels are masked, 0 to 100: the threshold is that percentile.
    Percentile {
        /// Per cent of the pixels.
        percentile: f64,
    },
    /// Nothing is masked.
    None,
}

mod defaults {
    pub(super) fn density() -> f64 {
        0.0002
    }

    #[cfg(feature = "serde")]
    pub(super) fn share() -> f64 {
        0.05
    }
}

impl Default for Segmentation {
    fn default() -> Self {
        Self::DensityCutoff {
            density_cutoff: defaults::density(),
        }
    }
}

impl Segmentation {
    /// Mask of a mean image `(y, x)` in counts.
    ///
    /// When already the density at 0 is below a [`Segmentation::DensityCutoff`] the threshold is 0 and nothing
    /// is masked (unless pixels are negative); [`Mask::threshold_zero`] tells.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the choice is not possible; those of [`Density::from_image`], whose conditions hold
    /// for all but [`Segmentation::Percentile`], which needs one pixel and refuses only what is not finite;
    /// [`Error::NoDensityBelow`] if the density is nowhere below the cutoff.
    pub fn mask(self, mean: ArrayView2<'_, f64>) -> Result<Mask, Error> {
        self.check()?;
        let (threshold, at) = match self {
            Self::None => return Ok(Mask::keep_all(mean.dim())),
            Self::DensityCutoff {
                density_cutoff: cutoff,
            } => {
                let density = Density::from_image(mean)?;
                let index = density.first_below(cutoff);
                let index = index.ok_or_else(|| nowhere_below(&density, cutoff, 0.0))?;
                (density.point(index), Some((index, density)))
            }
            Self::RelativeCutoff { relative_cutoff } => {
                (threshold::relative(mean, relative_cutoff)?, None)
            }
            Self::Otsu => (threshold::otsu(mean)?, None),
            Self::Triangle => (threshold::triangle(mean)?, None),
            Self::Percentile {
                percentile: percent,
            } => {
                density::check_finite(mean)?;
                let found = percentile(mean.iter().copied(), percent);
                (found.ok_or(Error::Empty { what: "mean image" })?, None)
            }
        };
        let (threshold_index, density) = at.unzip();
        Ok(Mask {
            // Written so that a pixel equal to the threshold is kept.
            kept: mean.mapv(|value| value >= threshold),
            rule: self.to_string(),
            threshold: Some(threshold),
            threshold_index: threshold_index.unwrap_or(0),
            density,
        })
    }

    /// Whether the parameter is possible, whatever the image.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the name that experiment files have for the parameter.
    pub fn check(self) -> Result<(), Error> {
        let (name, value, possible, expected) = match self {
            Self::DensityCutoff {
                density_cutoff: cutoff,
            } => {
                let possible = cutoff.is_finite() && cutoff > 0.0;
                (
                    "density_cutoff",
                    cutoff,
                    possible,
                    "a density per count above 0",
                )
            }
            Self::RelativeCutoff {
                relative_cutoff: share,
            } => {
                let possible = share > 0.0 && share < 1.0;
                (
                    "relative_cutoff",
                    share,
                    possible,
                    "a share between 0 and 1",
                )
            }
            Self::Percentile { percentile } => {
                let possible = (0.0..=100.0).contains(&percentile);
                ("percentile", percentile, possible, "0 to 100")
            }
            Self::Otsu | Self::Triangle | Self::None => return Ok(()),
        };
        let error = Error::Parameter {
            name,
            value,
            expected,
        };
        possible.then_some(()).ok_or(error)
    }
}

/// Name and parameters, in words.
impl fmt::Display for Segmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DensityCutoff { density_cutoff } => write!(f, "density cutoff {density_cutoff}"),
            Self::RelativeCutoff { relative_cutoff } => {
                write!(f, "density cutoff {relative_cutoff} of the peak")
            }
            Self::Otsu => write!(f, "Otsu"),
            Self::Triangle => write!(f, "triangle"),
            Self::Percentile { percentile } => write!(f, "percentile {percentile}"),
            Self::None => write!(f, "nothing masked"),
        }
    }
}

/// That a density stays at or above a cutoff; its first grid point stands for `start` counts.
fn nowhere_below(density: &Density, cutoff: f64, start: f64) -> Error {
    let values = density.values();
    Error::NoDensityBelow {
        cutoff,
        lowest: values.iter().copied().fold(f64::INFINITY, f64::min),
        points: values.len(),
        max: start + density.point(values.len() - 1),
    }
}

/// Which pixels are kept, and how that was decided.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mask {
    #[cfg_attr(feature = "serde", serde(with = "runs"))]
    kept: Array2<bool>,
    rule: String,
    threshold: Option<f64>,
    threshold_index: usize,
    density: Option<Density>,
}

impl Mask {
    /// Keeps every pixel of frames of the shape `(height, width)`.
    pub fn keep_all(dim: (usize, usize)) -> Self {
        Self::from_kept(Array2::from_elem(dim, true))
    }

    /// A mask made elsewhere: `true` where a pixel `(y, x)` is kept.
    pub fn from_kept(kept: Array2<bool>) -> Self {
        Self {
            kept,
            rule: "given".into(),
            threshold: None,
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

    /// The rule that made it and what was done since, in words; `given` for a mask made elsewhere.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Brightness below which pixels are masked, counts; NaN for a mask made elsewhere.
    pub fn threshold(&self) -> f64 {
        self.threshold.unwrap_or(f64::NAN)
    }

    /// Keeps only the largest connected part of the kept pixels: of equally large ones that which comes first row
    /// by row. Pixels are connected across their sides, not their corners, as in `scipy.ndimage.label`.
    ///
    /// ```
    /// let mask = widefield::Mask::from_kept(ndarray::array![[true, false, true], [true, false, false]]);
    /// let mask = mask.largest_component();
    /// assert_eq!(mask.kept(), ndarray::array![[true, false, false], [true, false, false]]);
    /// assert_eq!(mask.rule(), "given, largest component");
    /// ```
    #[must_use]
    pub fn largest_component(mut self) -> Self {
        regions::keep_largest(&mut self.kept);
        self.rule.push_str(", largest component");
        self
    }

    /// Keeps also the masked pixels that kept ones enclose: those from which no path across sides of masked
    /// pixels leads to the edge of the frame, as `scipy.ndimage.binary_fill_holes`.
    ///
    /// ```
    /// let mask = widefield::Mask::from_kept(ndarray::array![
    ///     [true, true, true],
    ///     [true, false, true],
    ///     [true, true, true],
    /// ]);
    /// assert_eq!(mask.fill_holes().masked_pixels(), 0);
    /// ```
    #[must_use]
    pub fn fill_holes(mut self) -> Self {
        regions::fill_holes(&mut self.kept);
        self.rule.push_str(", holes filled");
        self
    }

    /// The mask of pictures of which this one has only the part `crop`: what lies outside of it is not kept.
    ///
    /// ```
    /// use widefield::{Mask, motion::{Crop, Shift}};
    ///
    /// // The last of three columns is outside of some frame.
    /// let crop = Crop::from_shifts((1, 3), &[Shift::from_px(0.0, 1.0)]);
    /// let mask = Mask::from_kept(ndarray::array![[false, true]]).within(&crop)?;
    /// assert_eq!(mask.kept(), ndarray::array![[false, true, false]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if it has not the shape of that part.
    #[cfg(feature = "motion")]
    pub fn within(mut self, crop: &crate::motion::Crop) -> Result<Self, Error> {
        let (rows, columns) = (crop.rows(), crop.columns());
        let part = [rows.len(), columns.len()];
        crate::error::same_shape("mask", &part, self.kept.shape())?;
        let mut kept = Array2::from_elem(crop.dim(), false);
        kept.slice_mut(ndarray::s![rows, columns])
            .assign(&self.kept);
        self.kept = kept;
        Ok(self)
    }

    /// Keeps nothing outside of `crop`.
    ///
    /// ```
    /// use widefield::{Mask, motion::{Crop, Shift}};
    ///
    /// let crop = Crop::from_shifts((1, 3), &[Shift::from_px(0.0, 1.0)]);
    /// assert_eq!(Mask::keep_all((1, 3)).cropped(&crop)?.kept(), ndarray::array![[true, true, false]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if it has not the shape of the pictures that are cropped.
    #[cfg(feature = "motion")]
    pub fn cropped(mut self, crop: &crate::motion::Crop) -> Result<Self, Error> {
        let (height, width) = crop.dim();
        crate::error::same_shape("mask", &[height, width], self.kept.shape())?;
        self.kept
            .zip_mut_with(&crop.kept(), |kept, &seen| *kept &= seen);
        Ok(self)
    }

    /// Which grid point of the density the threshold is, from 0; 0 where there is no density.
    pub fn threshold_index(&self) -> usize {
        self.threshold_index
    }

    /// Whether the threshold is the first point of the density, brightness 0, so that it masks
    /// nothing: a sign that the cutoff does not suit the image.
    pub fn threshold_zero(&self) -> bool {
        self.density.is_some() && self.threshold_index == 0
    }

    /// Density per count at brightness `i * grid_step()`; empty but for a [`Segmentation::DensityCutoff`].
    pub fn density(&self) -> &[f64] {
        self.density.as_ref().map_or(&[], Density::values)
    }

    /// Distance of the points of [`Mask::density`], counts; 0 where there is none.
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
        let error = Segmentation::DensityCutoff {
            density_cutoff: 1e-12,
        }
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
        let mask = Segmentation::DensityCutoff {
            density_cutoff: 1.0,
        }
        .mask(image().view())
        .unwrap();
        assert!(mask.threshold_zero());
        assert_eq!((mask.threshold(), mask.masked_pixels()), (0.0, 0));
    }

    #[test]
    fn a_pixel_at_the_threshold_is_kept() {
        let mask = Segmentation::DensityCutoff {
            density_cutoff: 1e-3,
        }
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
        let mask = Segmentation::DensityCutoff {
            density_cutoff: 1e-3,
        }
        .mask(exact.view())
        .unwrap();
        for (kept, value) in mask.kept().iter().zip(&exact) {
            assert_eq!(*kept, *value >= mask.threshold());
        }
    }

    #[test]
    fn a_mask_made_elsewhere_has_no_density() {
        let mask = Mask::keep_all((2, 3));
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
